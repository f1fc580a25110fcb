//! What a hostile or dying peer can do to a link, and what the seals hold.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use super::*;

/// A file that only one test has open; so its open descriptors can be counted while other tests run.
struct Countable {
    fd: OwnedFd,
    link: String,
}

impl Countable {
    fn new(name: &str) -> Countable {
        Countable { fd: memfd_create(name, MFdFlags::MFD_CLOEXEC).unwrap(), link: format!("/memfd:{name} (deleted)") }
    }

    fn how_often_open(&self) -> usize {
        let links = fs::read_dir("/proc/self/fd").unwrap().flatten().flat_map(|entry| fs::read_link(entry.path()));
        links.filter(|link| link.as_os_str() == self.link.as_str()).count()
    }
}

/// A frame with descriptors, past the checks of `send_with_fds`: what a hostile peer would send.
fn send_raw(socket: &OwnedFd, frame: &[u8], fds: &[RawFd]) {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(frame)],
        &[ControlMessage::ScmRights(fds)],
        MsgFlags::empty(),
        None,
    )
    .unwrap();
}

#[test]
fn a_frame_and_its_descriptors_arrive() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let (reader, writer) = pipe(4096).unwrap();
    send_with_fds(ours.as_fd(), b"take these", &[reader.as_fd(), writer.as_fd()]).unwrap();
    drop((reader, writer));

    let mut buffer = [0; 64];
    let (length, fds) = receive_with_fds(theirs.as_fd(), &mut buffer, 2).unwrap();
    assert_eq!(&buffer[..length], b"take these");
    let [reader, writer]: [OwnedFd; 2] = fds.try_into().unwrap();
    for fd in [&reader, &writer] {
        let flags = fcntl(fd, FcntlArg::F_GETFD).unwrap();
        assert!(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC));
    }
    File::from(writer).write_all(b"through the pipe").unwrap();
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    assert_eq!(text, "through the pipe");
}

#[test]
fn the_largest_frame_fits_and_keeps_its_border() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let frame: Vec<u8> = (0..160 * 1024).map(|at| (at % 251) as u8).collect();
    send_with_fds(ours.as_fd(), &frame, &[]).unwrap();
    send_with_fds(ours.as_fd(), b"next", &[]).unwrap();
    let mut buffer = vec![0; frame.len()];
    assert_eq!(receive_with_fds(theirs.as_fd(), &mut buffer, 0).unwrap().0, frame.len());
    assert!(buffer == frame);
    assert_eq!(receive_with_fds(theirs.as_fd(), &mut buffer, 0).unwrap().0, 4);
}

#[test]
fn more_descriptors_than_declared_are_refused_and_closed() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let sent_along = Countable::new("more_descriptors_than_declared_are_refus");
    // An odd and an even number: CMSG_SPACE rounds up, so room for one is room for two.
    for (sent, at_most) in [(1, 0), (2, 1), (3, 2), (17, 16), (253, 16), (253, 0)] {
        send_raw(&ours, b"x", &vec![sent_along.fd.as_raw_fd(); sent]);
        let refused = receive_with_fds(theirs.as_fd(), &mut [0; 8], at_most).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{sent} sent, {at_most} declared");
        assert_eq!(sent_along.how_often_open(), 1, "{sent} sent, {at_most} declared: some stayed open");
    }
    // The link itself is still in order.
    send_with_fds(ours.as_fd(), b"ok", &[sent_along.fd.as_fd()]).unwrap();
    assert_eq!(receive_with_fds(theirs.as_fd(), &mut [0; 8], 1).unwrap().1.len(), 1);
}

#[test]
fn a_truncated_frame_is_refused_and_its_descriptors_closed() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let sent_along = Countable::new("a_truncated_frame_is_refused_and_its_des");
    send_raw(&ours, b"longer than four", &[sent_along.fd.as_raw_fd()]);
    let refused = receive_with_fds(theirs.as_fd(), &mut [0; 4], 1).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    assert_eq!(sent_along.how_often_open(), 1);
}

#[test]
fn an_empty_frame_with_descriptors_is_refused_and_closed() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let sent_along = Countable::new("an_empty_frame_with_descriptors_is_refus");
    send_raw(&ours, b"", &[sent_along.fd.as_raw_fd()]);
    assert_eq!(receive_with_fds(theirs.as_fd(), &mut [0; 4], 1).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(sent_along.how_often_open(), 1);
    assert_eq!(send_with_fds(ours.as_fd(), b"", &[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_closed_peer_is_zero_bytes_to_the_reader_and_an_error_without_a_signal_to_the_writer() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    drop(theirs);
    assert_eq!(receive_with_fds(ours.as_fd(), &mut [0; 4], 1).unwrap().0, 0);
    assert_eq!(send_with_fds(ours.as_fd(), b"x", &[]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn sending_too_many_is_refused_before_the_kernel_sees_it() {
    let (ours, _theirs) = seqpacket_pair().unwrap();
    let null = open_devnull().unwrap();
    let refused = send_with_fds(ours.as_fd(), b"x", &[null.as_fd(); MOST_FDS_PER_FRAME + 1]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(
        receive_with_fds(ours.as_fd(), &mut [0; 1], MOST_FDS_PER_FRAME + 1).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn the_most_descriptors_arrive() {
    let (ours, theirs) = seqpacket_pair().unwrap();
    let null = open_devnull().unwrap();
    send_with_fds(ours.as_fd(), b"x", &[null.as_fd(); MOST_FDS_PER_FRAME]).unwrap();
    let (_, fds) = receive_with_fds(theirs.as_fd(), &mut [0; 1], MOST_FDS_PER_FRAME).unwrap();
    assert_eq!(fds.len(), MOST_FDS_PER_FRAME);
}

#[test]
fn a_sealed_memory_file_can_be_read_again_and_never_changed() {
    let content = vec![7; 100_000];
    let sealed = sealed_memfd("settings", &content).unwrap();
    assert_eq!(read_sealed(sealed.as_fd(), 100_000).unwrap(), content);
    assert_eq!(read_sealed(sealed.as_fd(), 100_000).unwrap(), content);
    assert_eq!(read_sealed(sealed.as_fd(), 99_999).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(write(sealed.as_fd(), b"x").unwrap_err().raw_os_error(), Some(libc::EPERM));
    assert!(File::from(sealed).set_len(3).is_err());
}

#[test]
fn an_unsealed_memory_file_is_not_believed() {
    let open = memfd_create(c"open", MFdFlags::MFD_ALLOW_SEALING).unwrap();
    write(open.as_fd(), b"x").unwrap();
    assert_eq!(read_sealed(open.as_fd(), 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
    let null = open_devnull().unwrap();
    assert!(read_sealed(null.as_fd(), 10).is_err());
}

#[test]
fn adopting_a_closed_number_fails() {
    assert_eq!(adopt(987_654).unwrap_err().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn adopting_sets_close_on_exec() {
    let null = open_devnull().unwrap();
    let inherited = fcntl(&null, FcntlArg::F_DUPFD(100)).unwrap();
    let adopted = adopt(inherited).unwrap();
    assert!(FdFlag::from_bits_retain(fcntl(&adopted, FcntlArg::F_GETFD).unwrap()).contains(FdFlag::FD_CLOEXEC));
}

#[test]
fn non_blocking_can_be_switched() {
    let (reader, _writer) = pipe(65536).unwrap();
    set_nonblocking(reader.as_fd(), true).unwrap();
    assert_eq!(read(reader.as_fd(), &mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    set_nonblocking(reader.as_fd(), false).unwrap();
    let flags = OFlag::from_bits_retain(fcntl(&reader, FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK));
}

#[test]
fn the_length_of_a_frame_is_known_before_it_is_received() {
    let (here, there) = seqpacket_pair().unwrap();
    let countable = Countable::new("peeked-at");
    send_with_fds(there.as_fd(), &[7; 5000], &[countable.fd.as_fd()]).unwrap();
    assert_eq!(next_frame_length(here.as_fd()).unwrap(), 5000);
    assert_eq!(next_frame_length(here.as_fd()).unwrap(), 5000, "it stays where it is");
    assert_eq!(countable.how_often_open(), 1, "and so does its descriptor");
    let (length, descriptors) = receive_with_fds(here.as_fd(), &mut [0; 8192], 1).unwrap();
    assert_eq!((length, descriptors.len()), (5000, 1));
    drop(there);
    assert_eq!(next_frame_length(here.as_fd()).unwrap(), 0, "the peer is gone");
}
