//! Terminals opened for real.

use std::os::fd::AsFd;

use nix::sys::stat::fstat;

use super::*;
use crate::identity::is_root;

#[test]
fn both_ends_talk() {
    let pty = open(None).unwrap();
    assert!(pty.name.starts_with("/dev/pts/"), "{}", pty.name);
    crate::fd::write(pty.slave.as_fd(), b"hello\n").unwrap();
    let mut text = [0; 16];
    let length = crate::fd::read(pty.master.as_fd(), &mut text).unwrap();
    assert_eq!(&text[..length], b"hello\r\n");
}

#[test]
fn nobody_but_its_owner_reads_it() {
    if !is_root() {
        return;
    }
    let pty = open(Some((65534, 65534))).unwrap();
    let found = fstat(&pty.slave).unwrap();
    let (group, mode) = group_id("tty").unwrap().map_or((65534, 0o600), |tty| (tty, 0o620));
    assert_eq!((found.st_uid, found.st_gid, found.st_mode & 0o7777), (65534, group, mode));
}

#[test]
fn sizes_set_on_the_master_are_read_on_the_slave() {
    let pty = open(None).unwrap();
    set_size(pty.master.as_fd(), 50, 132, 1056, 800).unwrap();
    assert_eq!(size(pty.slave.as_fd()).unwrap(), (50, 132, 1056, 800));
}

#[test]
fn what_is_no_terminal_is_an_error() {
    let null = crate::fd::open_devnull().unwrap();
    assert!(set_size(null.as_fd(), 1, 1, 0, 0).is_err());
    assert!(apply_modes(null.as_fd(), &[(53, 0)]).is_err());
    assert!(make_controlling(null.as_fd()).is_err());
}

#[test]
fn modes_are_applied_by_the_master_and_seen_on_the_slave() {
    let pty = open(None).unwrap();
    let wanted = [(1, 7), (2, 255), (53, 0), (42, 1), (70, 0), (128, 38400), (129, 38400), (50, 0)];
    apply_modes(pty.master.as_fd(), &wanted).unwrap();
    let found = modes(pty.slave.as_fd()).unwrap();
    for mode in wanted {
        assert!(found.contains(&mode), "{mode:?} in {found:?}");
    }
}

#[test]
fn every_flag_can_be_switched_on_and_off() {
    let pty = open(None).unwrap();
    for opcode in (30..=42).chain(50..=62).chain(70..=75).chain([93]) {
        for argument in [1, 0, 1] {
            apply_modes(pty.master.as_fd(), &[(opcode, argument)]).unwrap();
            let found = modes(pty.master.as_fd()).unwrap();
            assert!(found.contains(&(opcode, argument)), "opcode {opcode} to {argument}");
        }
    }
}

#[test]
fn a_request_for_parity_or_seven_bits_does_not_spoil_the_rest() {
    let pty = open(None).unwrap();
    apply_modes(pty.master.as_fd(), &[(91, 0), (90, 1), (92, 1), (53, 0)]).unwrap();
    let found = modes(pty.slave.as_fd()).unwrap();
    assert!(found.contains(&(91, 1)) && found.contains(&(92, 0)) && found.contains(&(53, 0)), "{found:?}");
}

#[test]
fn a_terminals_modes_carry_over_to_another() {
    let (one, other) = (open(None).unwrap(), open(None).unwrap());
    apply_modes(one.master.as_fd(), &[(3, 8), (34, 1), (53, 0), (129, 115_200)]).unwrap();
    apply_modes(other.master.as_fd(), &modes(one.slave.as_fd()).unwrap()).unwrap();
    assert_eq!(modes(one.slave.as_fd()).unwrap(), modes(other.slave.as_fd()).unwrap());
}

#[test]
fn unknown_opcodes_and_odd_values_are_skipped() {
    let pty = open(None).unwrap();
    let before = modes(pty.slave.as_fd()).unwrap();
    apply_modes(pty.master.as_fd(), &[(11, 1), (15, 1), (17, 1), (99, 5), (127, 1), (255, u32::MAX), (0, 1)]).unwrap();
    assert_eq!(modes(pty.slave.as_fd()).unwrap(), before);
    apply_modes(pty.master.as_fd(), &[(129, 12345), (1, 70000)]).unwrap();
    let after = modes(pty.slave.as_fd()).unwrap();
    assert!(after.contains(&(129, 9600)) && after.contains(&(1, 255)), "{after:?}");
}
