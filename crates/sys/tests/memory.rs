//! What is freed goes back to the system. A process of its own: other tests fork, and shared pages are not private.
#![cfg(target_env = "gnu")]

use std::fs;

fn private_kilobytes() -> u64 {
    let smaps = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let dirty = smaps.lines().find(|line| line.starts_with("Private_Dirty:")).unwrap();
    dirty.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn large_and_small_blocks_go_back() {
    sys::memory::keep_little();
    let before = private_kilobytes();
    let large: Vec<Vec<u8>> = (0..20).map(|_| vec![1; 1 << 20]).collect();
    let small: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 1000]).collect();
    let busy = private_kilobytes();
    assert!(busy > before + 35_000, "{before} kB before, {busy} kB when busy");
    drop((large, small));
    sys::memory::give_back();
    let after = private_kilobytes();
    assert!(after < before + 10_000, "{before} kB before, {after} kB after");
}
