//! A set of ports, as a program by which the kernel leaves out all other sockets (include/uapi/linux/inet_diag.h,
//! `inet_diag_bc_op`; net/ipv4/inet_diag.c, `inet_diag_bc_run`).

/// `INET_DIAG_REQ_BYTECODE`.
const PROGRAM: u16 = 1;

/// Operations. There is one for equality, too, but Linux has not always had it.
const JMP: u8 = 1;
const S_GE: u8 = 2;
const S_LE: u8 = 3;

/// The kernel tries one range after the other for each socket of the machine, so there are not many: with more, the
/// nearest are joined, and sockets of the ports between are left out by who asked.
const MOST: usize = 16;

/// Bytes of an operation, of a comparison, and of what is done for a range.
const OPERATION: u16 = 4;
const COMPARISON: u16 = 8;
const RANGE: u16 = 2 * COMPARISON + OPERATION;

/// Ranges of ports that contain at least the wanted ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Ports(Vec<(u16, u16)>);

impl Ports {
    pub(in super::super) fn new(ports: impl IntoIterator<Item = u16>) -> Self {
        let mut ranges: Vec<(u16, u16)> = ports.into_iter().map(|port| (port, port)).collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, range| {
            let joins = next.0 <= range.1.saturating_add(1);
            if joins {
                range.1 = next.1;
            }
            joins
        });
        while ranges.len() > MOST {
            let gap = |at: &usize| ranges[*at].0 - ranges[*at - 1].1;
            let Some(nearest) = (1..ranges.len()).min_by_key(gap) else { break };
            let (_, last) = ranges.remove(nearest);
            ranges[nearest - 1].1 = last;
        }
        Self(ranges)
    }

    /// The attribute of the request: `None` without any port, which no program can say.
    pub(super) fn attribute(&self) -> Option<netlink_packet_core::DefaultNla> {
        (!self.0.is_empty()).then(|| netlink_packet_core::DefaultNla::new(PROGRAM, self.program()))
    }

    /// For each range: `port >= first`, else on to the next range; `port <= last`, else likewise; jump to the end. A
    /// socket is wanted when the program comes out exactly at its end, and not four bytes behind it: where the jump of
    /// the last range would be, which has none.
    fn program(&self) -> Vec<u8> {
        let mut program = Vec::new();
        let operation = |program: &mut Vec<u8>, code: u8, yes: u16, no: u16| {
            program.extend([code, yes as u8]);
            program.extend(no.to_ne_bytes());
        };
        for (at, (first, last)) in (1..).zip(&self.0) {
            operation(&mut program, S_GE, COMPARISON, RANGE);
            operation(&mut program, 0, 0, *first);
            operation(&mut program, S_LE, COMPARISON, COMPARISON + OPERATION);
            operation(&mut program, 0, 0, *last);
            let following = self.0.len() as u16 - at;
            if following > 0 {
                // From the jump itself, over all ranges that follow, the last of which has no jump.
                operation(&mut program, JMP, OPERATION, following * RANGE);
            }
        }
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with it (`inet_diag_bc_run`).
    fn lets_through(program: &[u8], port: u16) -> bool {
        let (mut at, mut left) = (0, program.len() as isize);
        while left > 0 {
            let [code, yes, a, b] = program[at..at + 4] else { unreachable!() };
            let no = u16::from_ne_bytes([a, b]);
            let operand = || u16::from_ne_bytes([program[at + 6], program[at + 7]]);
            let is = match code {
                JMP => false,
                S_GE => port >= operand(),
                S_LE => port <= operand(),
                other => panic!("{other}"),
            };
            let step = if is { usize::from(yes) } else { usize::from(no) };
            at += step;
            left -= step as isize;
        }
        left == 0
    }

    #[test]
    fn the_program_lets_through_its_ports_and_no_others() {
        for ports in [
            vec![9000],
            vec![1, 65535],
            vec![9000, 9001, 9002, 80, 443, 9002],
            (100..116).map(|n| n * 3).collect(),
        ] {
            let program = Ports::new(ports.iter().copied()).program();
            for port in 0..=u16::MAX {
                assert_eq!(lets_through(&program, port), ports.contains(&port), "{port} of {ports:?}");
            }
        }
    }

    #[test]
    fn many_ports_become_few_ranges_that_hold_them_all() {
        let ports: Vec<u16> = (0..1000).map(|n| 9000 + 7 * n).chain([80, 65535]).collect();
        let ranges = Ports::new(ports.iter().copied());
        assert_eq!(ranges.0.len(), MOST);
        let program = ranges.program();
        assert!(ports.iter().all(|port| lets_through(&program, *port)));
        assert!(![79, 81, 8999, 65534].into_iter().any(|port| lets_through(&program, port)));
        assert!(Ports::new([]).attribute().is_none());
    }
}
