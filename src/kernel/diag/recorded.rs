//! Answers of the kernel, as they are, damaged, and cut off.

use std::io;
use std::net::IpAddr;

use super::{netlink, tcp};
use crate::fuzz;

/// What Linux 6.18 answered: 127.0.0.1:19000 with one connection in a queue of 128, one that was taken and holds 5 bytes
/// which nobody has read, and the one in the queue.
#[rustfmt::skip]
const V4: [&str; 4] = [
    "7c000000140002000000000079390000020a00004a3800007f000001000000000000000000000000000000000000000000000000000000000000000072650000000000000000000001000000800000000000000046b7e702050008000000000008000f00000000000c00150001000000000000000600160052000000",
    "7c000000140002000000000079390000020100004a3889b47f0000010000000000000000000000007f000001000000000000000000000000000000007365000000000000000000000500000000000000000000004bb7e702050008000000000008000f00000000000c00150001000000000000000600160052000000",
    "7c000000140002000000000079390000020100004a3889ba7f0000010000000000000000000000007f0000010000000000000000000000000000000074650000000000000000000000000000000000000000000000000000050008000000000008000f00000000000c00150001000000000000000600160052000000",
    "1400000003000200000000007939000000000000",
];

/// [::]:19001 with two of 20, one connection from 127.0.0.1 that was taken, and the two in the queue.
#[rustfmt::skip]
const V6: [&str; 5] = [
    "840000001400020000000000793900000a0a00004a39000000000000000000000000000000000000000000000000000000000000000000000000000075650000000000000000000002000000140000000000000048b7e702050008000000000005000b000000000008000f00000000000c00150001000000000000000600160012000000",
    "7c0000001400020000000000793900000a0100004a39dacc00000000000000000000ffff7f00000100000000000000000000ffff7f000001000000007665000000000000000000000000000000000000000000004fb7e702050008000000000008000f00000000000c00150001000000000000000600160012000000",
    "7c0000001400020000000000793900000a0100004a39dadc00000000000000000000ffff7f00000100000000000000000000ffff7f0000010000000077650000000000000000000000000000000000000000000000000000050008000000000008000f00000000000c00150001000000000000000600160012000000",
    "7c0000001400020000000000793900000a0100004a39dae800000000000000000000ffff7f00000100000000000000000000ffff7f0000010000000078650000000000000000000000000000000000000000000000000000050008000000000008000f00000000000c00150001000000000000000600160012000000",
    "1400000003000200000000007939000000000000",
];

fn recorded(rows: &[&str]) -> Vec<Vec<u8>> {
    let byte = |row: &str, at: usize| u8::from_str_radix(&row[at..at + 2], 16).unwrap();
    rows.iter().map(|row| (0..row.len()).step_by(2).map(|at| byte(row, at)).collect()).collect()
}

/// A message of the kernel's: its type, flags and payload.
fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Address, port, and receive queue, send queue and inode.
type Found = Vec<(IpAddr, u16, [u32; 3])>;

/// What was found, and how the part ended.
fn read(part: &[u8]) -> (Found, io::Result<bool>) {
    let mut found = Vec::new();
    let last = netlink::is_last(part, &mut |socket| {
        let (local, header) = tcp::parse(socket)?;
        found.push((local.host, local.port, [header.recv_queue, header.send_queue, header.inode]));
        Ok(())
    });
    (found, last)
}

#[test]
fn sockets_are_read_from_an_answer_and_damaged_ones_do_not_panic() {
    let v4 = recorded(&V4).concat();
    let found = read(&v4);
    let [local, any] = ["127.0.0.1", "::"].map(|host| host.parse::<IpAddr>().unwrap());
    assert_eq!(
        found.0,
        [(local, 19_000, [1, 128, 48_740_166]), (local, 19_000, [5, 0, 48_740_171]), (local, 19_000, [0; 3])]
    );
    assert!(found.1.unwrap());
    let v6 = recorded(&V6).concat();
    let found = read(&v6);
    let taken = [0, 0, 48_740_175];
    assert_eq!(
        found.0,
        [
            (any, 19_001, [2, 20, 48_740_168]),
            (local, 19_001, taken),
            (local, 19_001, [0; 3]),
            (local, 19_001, [0; 3])
        ]
    );
    assert!(found.1.unwrap());
    fuzz::target("diag_tcp", vec![v4.clone(), v6.clone()], &[], |part| drop(read(part)));
    for part in [v4, v6] {
        // Wherever it is cut, it is not taken for whole.
        for end in 0..part.len() {
            assert!(!read(&part[..end]).1.is_ok_and(|last| last), "{end}");
        }
    }
}

#[test]
fn an_answer_that_is_not_whole_is_none() {
    let socket = recorded(&V4).swap_remove(1);
    let ends = |end: Vec<u8>| read(&[socket.clone(), end].concat()).1;
    let code = |code: i32| code.to_ne_bytes();
    let errno = |end: Vec<u8>| ends(end).unwrap_err().raw_os_error();
    assert!(ends(message(3, 2, &code(0))).unwrap());
    assert_eq!(errno(message(3, 2, &code(-105))), Some(105), "the dump ended in ENOBUFS");
    assert_eq!(errno(message(2, 0, &[code(-1).to_vec(), vec![0; 16]].concat())), Some(1), "EPERM");
    assert_eq!(errno(message(2, 0, &[code(i32::MIN).to_vec(), vec![0; 16]].concat())), Some(i32::MAX));
    assert_eq!(errno(message(4, 0, &[])), Some(105), "overrun");
    let kind = |end: Vec<u8>| ends(end).unwrap_err().kind();
    assert_eq!(
        kind(message(20, 2 | 16, &[])),
        io::ErrorKind::Interrupted,
        "the kernel's table changed meanwhile"
    );
    assert_eq!(kind(message(3, 16, &code(0))), io::ErrorKind::Interrupted);
    assert_eq!(kind(message(20, 2, &[2, 1, 0, 0])), io::ErrorKind::InvalidData, "a socket that was cut");
    assert_eq!(kind(socket[..40].to_vec()), io::ErrorKind::InvalidData, "a message that was cut");
    assert_eq!(kind(message(2, 0, &[0; 2])), io::ErrorKind::InvalidData);
    // Others are none of ours; what follows is read.
    assert!(ends([message(1, 0, &[]), message(99, 0, b"hello"), message(3, 2, &code(0))].concat()).unwrap());
}

/// Like the kernel, for as often as it is asked.
struct Answers(Vec<io::Result<Vec<Vec<u8>>>>);

impl Answers {
    fn dump(mut self) -> io::Result<Vec<u16>> {
        netlink::whole(
            |each| {
                for part in self.0.remove(0)? {
                    if netlink::is_last(&part, each)? {
                        return Ok(());
                    }
                }
                Err(io::ErrorKind::TimedOut.into())
            },
            |found: &mut Vec<u16>, socket| {
                found.push(tcp::parse(socket)?.0.port);
                Ok(())
            },
        )
    }
}

#[test]
fn an_interrupted_answer_is_asked_for_again_and_nothing_is_counted_twice() {
    let [one, other, done] =
        [recorded(&V4).swap_remove(0), recorded(&V6).swap_remove(0), message(3, 2, &[0; 4])];
    let interrupted = || Ok(vec![one.clone(), message(20, 2 | 16, &[])]);
    let lost = || Err(io::Error::from_raw_os_error(105));
    let whole = || Ok(vec![one.clone(), [other.clone(), done.clone()].concat()]);
    assert_eq!(Answers(vec![whole()]).dump().unwrap(), [19_000, 19_001]);
    assert_eq!(Answers(vec![interrupted(), lost(), whole()]).dump().unwrap(), [19_000, 19_001]);
    let kind = |answers| Answers(answers).dump().unwrap_err().kind();
    assert_eq!(kind(vec![lost(), lost(), interrupted(), whole()]), io::ErrorKind::Interrupted);
    assert_eq!(
        kind(vec![Err(io::ErrorKind::PermissionDenied.into()), whole()]),
        io::ErrorKind::PermissionDenied
    );
    assert_eq!(kind(vec![Ok(vec![one.clone()]), whole()]), io::ErrorKind::TimedOut);
}
