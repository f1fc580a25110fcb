//! Every system call number of this kernel, by every door: what is not promised kills.

use std::collections::BTreeMap;

use sandbox::linux::calls::{Allowed, Row, rows_of};
use sandbox::linux::names::name_of;
use sandbox::promises::promises_of;
use sandbox::{FileAccess, Only, Policy, Surroundings, lock_down_only};
use sys::probe::{Answer, Door, call};

use crate::Case;
use crate::cases::{POLICIES, SIGSYS, another_user, call_locked, locked, session};

pub(crate) const CASES: &[Case] = &[
    ("every_call_that_is_not_promised_kills", not_promised_kills),
    ("every_call_that_is_promised_does_not_kill", promised_does_not_kill),
    ("every_call_of_x32_kills", x32_kills),
    ("every_call_by_the_32_bit_door_kills", int80_kills),
    ("every_call_not_promised_kills_root_with_seccomp_alone", seccomp_alone_kills_root),
];

/// Well above the last number that any kernel has given out.
const BEYOND_THE_LAST: i64 = 600;

/// uretprobe(2) and uprobe(2) of x86_64.
const PROBES: &[i64] = if cfg!(target_arch = "x86_64") { &[335, 336] } else { &[] };

/// The bit that marks calls of x32.
const X32: i64 = 0x4000_0000;

fn rows(policy: &Policy) -> BTreeMap<i64, Vec<&'static Row>> {
    let mut rows: BTreeMap<i64, Vec<&'static Row>> = BTreeMap::new();
    for row in promises_of(policy).keeps.iter().flat_map(|word| rows_of(*word)) {
        rows.entry(row.number).or_default().push(row);
    }
    rows
}

fn not_promised_kills() {
    for policy in POLICIES {
        let promised = rows(policy);
        for number in (-1..BEYOND_THE_LAST).filter(|number| !promised.contains_key(number)) {
            assert_killed(policy, number, call_locked(policy, number, [0; 6]));
        }
    }
}

#[track_caller]
fn assert_killed(policy: &Policy, number: i64, answer: Answer) {
    let refused = match answer {
        Answer::Killed(SIGSYS) => true,
        // The kernel lets these two past every filter; they do something only where it has itself placed a probe.
        Answer::Killed(libc::SIGILL) | Answer::Errno(libc::ENXIO) => PROBES.contains(&number),
        _ => false,
    };
    assert!(refused, "{policy:?}: {number} ({}): {answer:?}", name_of(number));
}

fn promised_does_not_kill() {
    // Lives as long as the program: its address is handed to the kernel.
    let no_time: &'static [i64; 2] = &[0, 0];
    for policy in POLICIES {
        for (number, rows) in rows(policy) {
            let arguments = match number {
                // Without a time they would wait for ever.
                libc::SYS_ppoll => [0, 0, no_time.as_ptr() as u64, 0, 0, 0],
                _ => [0; 6],
            };
            let answer = call_locked(policy, number, arguments);
            let always = rows.iter().any(|row| matches!(row.allowed, Allowed::Always));
            let refused = rows.iter().find_map(|row| match row.allowed {
                Allowed::Refused { errno, when: [] } => Some(errno),
                _ => None,
            });
            match (always, refused) {
                (true, _) => {
                    assert!(!matches!(answer, Answer::Killed(_)), "{policy:?}: {}: {answer:?}", name_of(number))
                }
                (false, Some(errno)) => assert_eq!(answer, Answer::Errno(errno), "{policy:?}: {}", name_of(number)),
                // Depends on its arguments: `wrong_arguments` and `promised` try them.
                (false, None) => {}
            }
        }
    }
}

fn x32_kills() {
    for policy in [Policy::Preauth, session(FileAccess::ReadWrite)] {
        for number in 0..BEYOND_THE_LAST {
            assert_eq!(call_locked(&policy, number | X32, [0; 6]), Answer::Killed(SIGSYS), "{policy:?}: x32 {number}");
        }
    }
}

fn int80_kills() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    // Without the sandbox it is a door: getpid (20 there) returns, unless the kernel has no 32-bit programs at all.
    if call(|| true, Door::Legacy32, 20, [0; 6]).unwrap() != Answer::Returned {
        return;
    }
    for policy in [Policy::Preauth, session(FileAccess::ReadWrite)] {
        for number in 0..BEYOND_THE_LAST {
            let answer = call(|| locked(&policy, &another_user()), Door::Legacy32, number, [0; 6]).unwrap();
            assert_eq!(answer, Answer::Killed(SIGSYS), "{policy:?}: int 0x80 {number}");
        }
    }
}

fn seccomp_alone_kills_root() {
    let only = Only { seccomp: true, ..Only::default() };
    for policy in [Policy::Preauth, session(FileAccess::None)] {
        let promised = rows(&policy);
        for number in (0..BEYOND_THE_LAST).filter(|number| !promised.contains_key(number)) {
            let prepare = || lock_down_only(&policy, &Surroundings::default(), only).is_ok();
            assert_killed(&policy, number, call(prepare, Door::Native, number, [0; 6]).unwrap());
        }
    }
}
