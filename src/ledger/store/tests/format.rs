//! The bytes on the disk, which later versions have to read.

use std::sync::Arc;

use super::super::disk::{Access, Disk, Slot};
use super::super::error::Reason;
use super::super::mark;
use super::super::record::{self, Broken, Record};
use super::sim::Sim;

fn load(bytes: &[u8]) -> Result<Record, Broken> {
    let disk: Arc<dyn Disk> = Sim::default().disk();
    disk.make_dir().unwrap();
    let slot: Box<dyn Slot> = disk.open("live-0", Access::Write).unwrap();
    slot.overwrite(bytes).unwrap();
    Record::load(&*slot)
}

const VERSION_1: &[u8] = b"badgateway state 1 sequence 42 boot 0f-1 clean yes length 5 crc32 e8a64d95\nhello";

#[test]
fn version_1_is_read_for_ever() {
    let record = load(VERSION_1).unwrap();
    assert_eq!((record.header.sequence, record.header.clean), (42, true));
    assert_eq!(record.header.boot, "0f-1");
    assert_eq!(record.into_payload(), b"hello");
    let mut bytes = Vec::new();
    record::encode(&mut bytes, 42, "0f-1", true, b"hello");
    assert_eq!(bytes, VERSION_1);
    assert_eq!(mark::decode(b"badgateway mark 1 00000000000000000042 967f1d7f\n"), Ok(42));
}

#[test]
fn damaged_records_are_refused() {
    const WORDS: &[&str] = &[
        "badgateway state 1 ",
        "sequence ",
        "boot ",
        "clean yes ",
        "length ",
        "crc32 ",
        "\n",
        "badgateway mark 1 ",
        " ",
    ];
    let seeds = [VERSION_1, b"badgateway mark 1 00000000000000000042 967f1d7f\n"].map(<[u8]>::to_vec);
    crate::fuzz::target("state_records", seeds.into(), WORDS, |bytes| {
        let _ = (mark::decode(bytes), load(bytes));
    });
}

#[test]
fn what_a_header_claims_is_not_believed() {
    let reason = |text: &str| load(text.as_bytes()).unwrap_err().reason;
    let claim = |length: &str| {
        format!("badgateway state 1 sequence 1 boot b clean no length {length} crc32 00000000\nx")
    };
    assert_eq!(reason(&claim("200000000")), Reason::Truncated, "no more is allocated than is there");
    assert_eq!(reason(&claim("18446744073709551615")), Reason::Checksum);
    assert_eq!(reason(&claim("99999999999999999999999")), Reason::Checksum);
    assert_eq!(reason(&claim("-1")), Reason::Checksum);
    assert_eq!(reason(&claim("1")), Reason::Checksum);
    assert_eq!(reason("badgateway state 2 "), Reason::Version);
    assert_eq!(reason("badgateway state 0 "), Reason::Unreadable);
    assert_eq!(reason("badgateway state x"), Reason::Unreadable);
    assert_eq!(reason("badgateway state "), Reason::Unreadable);
    assert_eq!(reason("badgateway state 1"), Reason::Truncated);
    assert_eq!(reason(&format!("badgateway state 1 {}", "x".repeat(9000))), Reason::Truncated);
    assert_eq!(reason("{}"), Reason::Unreadable);
}

#[test]
fn a_boot_id_of_any_kind_fits_the_line() {
    let boot = record::boot_word(&format!("a b\nc-{}", "é9".repeat(200)));
    assert_eq!(boot.len(), 64);
    let mut bytes = Vec::new();
    record::encode(&mut bytes, 1 << 62, &boot, false, b"");
    assert_eq!(load(&bytes).unwrap().header.boot, boot);
    record::encode(&mut bytes, 1, "", false, b"");
    assert_eq!(load(&bytes).unwrap().header.boot, "", "an unknown one is no boot id");
}
