//! The stack that calls went down to goes back to the system, and what is alive on it stays. On the first thread, where
//! no test of the usual harness runs.

use std::fs;
use std::hint::black_box;

const DEEP: usize = 512 * 1024;

/// What the stack's pages occupy.
fn stack_kilobytes() -> usize {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut of_the_stack = smaps.lines().skip_while(|line| !line.ends_with("[stack]"));
    let resident = of_the_stack.find(|line| line.starts_with("Rss:")).unwrap();
    resident.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[inline(never)]
fn go_deep() {
    black_box([1_u8; DEEP]);
}

fn main() {
    let alive = black_box([7_u8; 20_000]);
    go_deep();
    let deep = stack_kilobytes();
    assert!(deep >= DEEP / 1024, "{deep} kB after deep calls");
    std::thread::spawn(sys::memory::give_back).join().unwrap();
    assert!(stack_kilobytes() >= deep, "another thread took this one's stack");
    sys::memory::give_back();
    let after = stack_kilobytes();
    assert!(after < 200, "{after} kB after it was given back, {deep} kB before");
    assert!(alive.iter().all(|byte| *byte == 7));
    go_deep();
    println!("test the_stack_goes_back_and_what_is_alive_stays ... ok");
}
