//! What this binary does when the monitor has started it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;

use ipc::forwarding::{Forwarding, ForwardingAnswer, ForwardingRequest, NotBound, Reach};
use ipc::start::{ForwardStart, LINK, LaunchStart};
use ipc::{Answering, MAX_FRAME};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sandbox::{Policy, SessionPromises, Surroundings};

/// A frame from the test that is for the relay itself: to end.
pub(crate) const END: &[u8] = &[0xff];

/// Another: to lock itself down as the process that it stands for, and to break its promise.
pub(crate) const VIOLATE: &[u8] = &[0xfd];

/// A relay is at work.
pub(crate) const HELLO: &[u8] = &[0xfe];

/// A command that lasts until a signal ends it, or until the test is gone.
pub(crate) const LASTS: &[u8] = b"lasts";

/// A line of the monitor's that `sshd-forward` tries to have written.
pub(crate) const FORGED: &str = "Accepted publickey for root from 192.0.2.7 port 22 ssh2";

/// Which program this process stands for.
pub(crate) enum Role {
    /// `sshd-preauth` and `sshd-session`: passes frames on, in both directions, with their descriptors.
    Relay,
    /// `sshd-forward`: reaches whatever it is asked for, and does what hosts' names say.
    Forward,
    /// `sshd-launch`: writes down what it was told to start.
    Launch,
}

/// By the title that the monitor gives its children.
pub(crate) fn of_this_process() -> Option<Role> {
    let title = std::env::args().next()?;
    let rest = title.strip_prefix("sshd: ")?;
    if rest.ends_with(" [forward]") {
        return Some(Role::Forward);
    }
    Some(if rest == "[net]" || rest.ends_with("@notty") { Role::Relay } else { Role::Launch })
}

impl Role {
    pub(crate) fn play(self) -> ExitCode {
        let link = sys::fd::adopt(LINK).expect("the monitor gives a link");
        match self {
            Self::Relay => relay(&link),
            Self::Forward => forward(link),
            Self::Launch => tell(link),
        }
        ExitCode::SUCCESS
    }
}

fn relay(link: &OwnedFd) {
    let mut buffer = vec![0; 2 * MAX_FRAME];
    let (_, descriptors) = sys::fd::receive_with_fds(link.as_fd(), &mut buffer, 4).expect("a start message");
    let test = descriptors.first().expect("the start message brings the network");
    sys::fd::send_with_fds(test.as_fd(), HELLO, &[]).expect("the test listens");
    loop {
        let mut watched = [link.as_fd(), test.as_fd()].map(|socket| PollFd::new(socket, PollFlags::POLLIN));
        poll(&mut watched, PollTimeout::NONE).expect("poll");
        let [from_monitor, from_test] = watched.map(|one| one.any() == Some(true));
        if from_monitor && !pass(link.as_fd(), test.as_fd(), &mut buffer) {
            return;
        }
        if from_test && !pass(test.as_fd(), link.as_fd(), &mut buffer) {
            return;
        }
    }
}

/// `false` when either end has gone.
fn pass(from: BorrowedFd<'_>, to: BorrowedFd<'_>, buffer: &mut [u8]) -> bool {
    match sys::fd::receive_with_fds(from, buffer, 4) {
        // An earlier process may have read the socket dry between poll and now.
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        Ok((0, _)) => false,
        Ok((length, _)) if &buffer[..length] == END => false,
        Ok((length, _)) if &buffer[..length] == VIOLATE => violate(),
        Ok((length, descriptors)) => {
            let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            sys::fd::send_with_fds(to, &buffer[..length], &descriptors).is_ok()
        }
    }
}

fn violate() -> bool {
    let before_login = std::env::args().next().is_some_and(|title| title == "sshd: [net]");
    let policy = if before_login { Policy::Preauth } else { Policy::Session(SessionPromises::default()) };
    sandbox::lock_down(&policy, &Surroundings::default()).expect("locked down");
    panic!("still there: {:?}", std::net::TcpListener::bind("127.0.0.1:0"));
}

fn tell(link: OwnedFd) {
    let (start, _, _): (LaunchStart, _, _) = ipc::start::receive(link).expect("a start message");
    let command = start.arguments.last().expect("arguments");
    print!("{}", String::from_utf8_lossy(command));
    std::io::stdout().flush().expect("standard output is given");
    if command == LASTS {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }
}

/// What a process of the user's would like to have in the log.
fn forged(address: Option<SocketAddr>) -> NotBound {
    NotBound { address, why: FORGED.to_owned(), last: false }
}

fn forward(link: OwnedFd) {
    let (_, _, link): (ForwardStart, _, _) = ipc::start::receive(link).expect("a start message");
    let mut link = Answering::<Forwarding>::over(link);
    let null = sys::fd::open_devnull().expect("/dev/null");
    let answer = |link: &Answering<Forwarding>, answer: &ForwardingAnswer, count: usize| {
        link.answer(answer, &vec![null.as_fd(); count]).expect("the monitor listens");
    };
    while let Ok(request) = link.receive() {
        match request {
            ForwardingRequest::Connect { number, to: Reach::Tcp { host, .. } } => match host.as_str() {
                "silence" => {}
                "death" => return,
                "another" => answer(&link, &ForwardingAnswer::Connected { number: number + 1 }, 1),
                "twice" => (0..2).for_each(|_| answer(&link, &ForwardingAnswer::Connected { number }, 1)),
                "undeclared" => answer(&link, &ForwardingAnswer::Connected { number }, 3),
                _ => answer(&link, &ForwardingAnswer::Connected { number }, 1),
            },
            ForwardingRequest::Connect { number, to: Reach::Path(why) } => {
                answer(&link, &ForwardingAnswer::NotConnected { number, found: true, why }, 0);
            }
            ForwardingRequest::Listen { number, .. } => {
                let failed = vec![forged(None), forged(Some(SocketAddr::from(([192, 0, 2, 7], 4711))))];
                answer(&link, &ForwardingAnswer::Listening { number, port: 4711, file: None, sockets: 2, failed }, 2);
            }
            ForwardingRequest::StopListening { .. } => {}
        }
    }
}
