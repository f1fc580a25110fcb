//! Forwardings: what the login was granted is checked here, against each request, whoever the session process has become.
//!
//! The sockets are opened by `sshd-forward`, which is the user and is started with the first of them. Its answers come in
//! their own time, and are passed on with their descriptors.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use events::Level;
use events::monitor::Event;
use ipc::forwarding::{
    Bind, BindHost, ConnectTo, Forwarding, ForwardingAnswer, ForwardingRequest, LONGEST_SOCKET_PATH, ListenOn,
    MOST_SOCKETS, NotBound, Reach, SocketFile, X11Authentication,
};
use ipc::phases::{LoggedInAnswer, NotConnected, Originator};
use ipc::start::{Families, ForwardStart};
use ipc::{Asking, IpcError};
use nix::sys::signal::Signal;
use policy::{BindTo, NoForwarding, bind_to};
use settings::values::{AddressFamily, GatewayPorts};
use sys::process::Child;

use crate::logged_in::{Answer, Over, ServedLogin, send_patiently};
use crate::start_child::start_child;

/// Connections that one login may have under way: as many as it can have channels.
const MOST_CONNECTING: usize = 10_000;

/// Forwardings from here to the client that one login may have.
const MOST_LISTENING: usize = 1000;

/// What lines of theirs begin with about something that cannot be listened on.
const THEIRS: [&str; 2] = ["channel_setup_fwd_listener_tcpip: ", "unix_listener: "];

/// Characters of a client's words in a line of the log, as theirs.
const SHOWN: usize = 100;

/// What a client reads that may not forward at all, and one that may not forward this, as theirs.
const DISABLED: &str = "Server has disabled port forwarding.";
const DISABLED_PATHS: &str = "Server has disabled streamlocal forwarding.";
const REFUSED: &str = "port forwarding refused";

/// The forwardings of a login.
#[derive(Default)]
pub(super) struct Forwards {
    helper: Option<Helper>,
    connecting: HashMap<u32, ConnectTo>,
    listening: HashMap<u32, Listening>,
    /// Where commands find the client's agent.
    pub(super) agent_socket: Option<String>,
    /// Names of the tun(4) devices.
    pub(super) tunnels: Vec<String>,
}

/// A running `sshd-forward`.
struct Helper {
    process: Child,
    link: Asking<Forwarding>,
}

struct Listening {
    what: For,
    answered: bool,
    /// What `sshd-forward` has made and removes. It may be killed: then the next one removes it.
    file: Option<SocketFile>,
}

/// For whom somebody listens.
#[derive(Clone)]
pub(super) enum For {
    /// A client that has asked for it (`ssh -R`).
    Client(ListenOn),
    /// Commands that want the client's agent.
    Agent,
    /// X clients of a session.
    Display { session: u32, authentication: X11Authentication },
}

impl Forwards {
    /// Readable when `sshd-forward` has said something or has ended.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.helper.as_ref().map(|helper| helper.link.socket())
    }

    /// Whether somebody listens, or will, for those who want the agent.
    pub(super) fn has_agent(&self) -> bool {
        self.listening.values().any(|listening| matches!(listening.what, For::Agent))
    }

    /// Files of sockets, by the numbers of their listeners.
    fn files(&self) -> Vec<(u32, SocketFile)> {
        let file = |(number, listening): (&u32, &Listening)| Some((*number, listening.file.clone()?));
        self.listening.iter().filter_map(file).collect()
    }
}

impl ServedLogin {
    /// [`ipc::phases::LoggedInRequest::Connect`]
    pub(super) fn connect(
        &mut self,
        number: u32,
        to: ConnectTo,
        originator: &Originator,
    ) -> Result<Option<Answer>, Over> {
        let allowed = match &to {
            ConnectTo::Tcp { host, port } => {
                let port = self.user.grants().connects_to(host, *port);
                port.map(|port| Reach::Tcp { host: host.clone(), port })
            }
            ConnectTo::Path(path) => self.user.grants().connects_to_path(path).map(|()| Reach::Path(path.clone())),
        };
        let reach = match allowed {
            Ok(reach) => reach,
            Err(why) => {
                self.log_denied_connection(&to, originator, why);
                return Ok(Some(not_connected(number, NotConnected::Prohibited)));
            }
        };
        let under_way = &mut self.forwards.connecting;
        if under_way.contains_key(&number) || under_way.len() >= MOST_CONNECTING {
            return Err(Over::Misbehaved(format!("asks for connection {number} twice, or for too many")));
        }
        match self.ask_helper(&ForwardingRequest::Connect { number, to: reach }) {
            Ok(()) => {
                self.forwards.connecting.insert(number, to);
                Ok(None)
            }
            Err(why) => {
                self.say(Level::Error, format!("cannot forward: {why}"));
                Ok(Some(not_connected(number, NotConnected::Failed("open failed".to_owned()))))
            }
        }
    }

    fn log_denied_connection(&mut self, to: &ConnectTo, originator: &Originator, why: NoForwarding) {
        if why == NoForwarding::NoSuchPort {
            return self.say(Level::Error, "server_request_direct_tcpip: invalid target port".to_owned());
        }
        let Originator { address, port: from_port } = originator;
        let from = format!("originator {} port {from_port}", shown(address));
        let text = match (to, why) {
            (ConnectTo::Tcp { host, port }, NoForwarding::Off) => {
                format!("refused local port forward: {from}, target {} port {port}", shown(host))
            }
            (ConnectTo::Path(path), NoForwarding::Off) => {
                format!("refused streamlocal port forward: {from}, target {}", shown(path))
            }
            (ConnectTo::Tcp { host, port }, _) => {
                let (peer, host) = (&self.connection.facts.peer, shown(host));
                format!(
                    "Received request from {peer} to connect to host {host} port {port}, but the request was denied."
                )
            }
            (ConnectTo::Path(path), _) => {
                format!("Received request to connect to path {}, but the request was denied.", shown(path))
            }
        };
        self.say(Level::Info, text);
    }

    /// [`ipc::phases::LoggedInRequest::Listen`]
    pub(super) fn listen(&mut self, number: u32, on: ListenOn) -> Result<Option<Answer>, Over> {
        let grants = self.user.grants();
        let allowed = match &on {
            ListenOn::Tcp { host, port } => grants.listens_on(host, *port).map(|port| {
                let host = match bind_to(self.user.effective().gateway_ports, host) {
                    BindTo::Loopback => BindHost::Loopback,
                    BindTo::All => BindHost::All,
                    BindTo::Named(name) => BindHost::Named(name.to_owned()),
                };
                Bind::Tcp { host, port }
            }),
            ListenOn::Path(path) => grants.listens_on_path().map(|()| Bind::Path(path.clone())),
        };
        let bind = match allowed {
            Ok(bind) => bind,
            Err(why) => {
                let tell = self.log_denied_listener(&on, why);
                return Ok(Some(not_listening(number, Some(tell))));
            }
        };
        self.listen_for(number, For::Client(on), bind)
    }

    /// Has `sshd-forward` listen.
    pub(super) fn listen_for(&mut self, number: u32, what: For, bind: Bind) -> Result<Option<Answer>, Over> {
        if self.forwards.listening.contains_key(&number) {
            return Err(Over::Misbehaved(format!("asks for listener {number} twice")));
        }
        if self.forwards.listening.len() >= MOST_LISTENING {
            self.say(Level::Error, "cannot forward: too many listeners".to_owned());
            return Ok(Some(not_listening(number, None)));
        }
        match self.ask_helper(&ForwardingRequest::Listen { number, on: bind }) {
            Ok(()) => {
                self.forwards.listening.insert(number, Listening { what, answered: false, file: None });
                Ok(None)
            }
            Err(why) => {
                self.say(Level::Error, format!("cannot forward: {why}"));
                Ok(Some(not_listening(number, None)))
            }
        }
    }

    /// Returns the words for the client.
    fn log_denied_listener(&mut self, on: &ListenOn, why: NoForwarding) -> String {
        let (place, disabled) = match on {
            ListenOn::Tcp { host, port } => (format!("host {} port {port}", shown(host)), DISABLED),
            ListenOn::Path(path) => (format!("path \"{}\"", shown(path)), DISABLED_PATHS),
        };
        if why != NoForwarding::NotPermitted {
            self.debug(&format!("remote forward to {place}: {disabled}"));
            return disabled.to_owned();
        }
        let peer = &self.connection.facts.peer;
        let text = format!("Received request from {peer} to remote forward to {place}, but the request was denied.");
        self.say(Level::Info, text);
        REFUSED.to_owned()
    }

    /// [`ipc::phases::LoggedInRequest::StopListening`]
    pub(super) fn stop_listening(&mut self, number: u32) {
        let Some(stopped) = self.forwards.listening.get(&number) else { return };
        let for_agent = matches!(stopped.what, For::Agent);
        // Another `sshd-forward` than the one that has made the file removes it, if need be: it is told of all that are left.
        if (self.forwards.helper.is_some() || stopped.file.is_some())
            && let Err(why) = self.ask_helper(&ForwardingRequest::StopListening { number })
        {
            self.say(Level::Error, format!("cannot end a forwarding: {why}"));
        }
        self.forwards.listening.remove(&number);
        if for_agent {
            self.forwards.agent_socket = None;
        }
    }

    /// The login is over: `sshd-forward` removes what it, or one that was killed, has made, and ends by itself.
    pub(super) fn end_forwards(&mut self) {
        if self.forwards.helper.is_none() && !self.forwards.files().is_empty() {
            match self.start_helper() {
                Ok(helper) => self.forwards.helper = Some(helper),
                Err(error) => self.say(Level::Error, format!("files of sockets stay: sshd-forward: {error}")),
            }
        }
        if let Some(Helper { process, link }) = self.forwards.helper.take() {
            drop(link);
            // It may take its time with a name server's; init will reap it.
            let _ = process.try_wait();
        }
    }

    /// Sends a request to `sshd-forward`, which is started if need be.
    fn ask_helper(&mut self, request: &ForwardingRequest) -> Result<(), String> {
        if self.forwards.helper.is_none() {
            let started = self.start_helper().map_err(|error| format!("sshd-forward does not start: {error}"))?;
            self.forwards.helper = Some(started);
        }
        let Some(helper) = &self.forwards.helper else { return Err("no sshd-forward".to_owned()) };
        helper.ask(request).map_err(|error| format!("sshd-forward: {error}"))
    }

    fn start_helper(&self) -> Result<Helper, IpcError> {
        let user = &self.user;
        let effective = user.effective();
        let title = format!("sshd: {} [forward]", user.name());
        let (process, link) = start_child(self.connection.programs.forward.as_fd(), &title, &[])?;
        let start = ForwardStart {
            identity: user.identity_to_become(),
            chroot: user.chroot().map(str::to_owned),
            best_effort_sandbox: self.connection.best_effort_sandbox,
            families: Families {
                v4: effective.address_family != AddressFamily::Inet6,
                v6: effective.address_family != AddressFamily::Inet,
            },
            bind_mask: effective.stream_local_bind_mask,
            unlink_first: effective.stream_local_bind_unlink,
            left_behind: self.forwards.files(),
        };
        ipc::start::send(link.as_fd(), &start, &[])?;
        sys::fd::set_nonblocking(link.as_fd(), true)?;
        Ok(Helper { process, link: Asking::over(link) })
    }

    /// `sshd-forward` has said something, or has ended.
    pub(super) fn hear_helper(&mut self) -> Result<(), Over> {
        let Some(helper) = &mut self.forwards.helper else { return Ok(()) };
        match helper.link.receive() {
            Err(IpcError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Ok((answer, descriptors)) if descriptors.len() == answer.descriptors() => {
                self.helper_answered(answer, descriptors)
            }
            Err(_) | Ok(_) => self.helper_is_gone(),
        }
    }

    fn helper_answered(&mut self, answer: ForwardingAnswer, descriptors: Vec<OwnedFd>) -> Result<(), Over> {
        let forwards = &mut self.forwards;
        let answer = match answer {
            ForwardingAnswer::Connected { number } if forwards.connecting.remove(&number).is_some() => {
                (LoggedInAnswer::Connected { number }, descriptors)
            }
            ForwardingAnswer::NotConnected { number, found, why } => {
                let Some(to) = forwards.connecting.remove(&number) else { return self.helper_is_gone() };
                self.say(Level::Error, unreached(&to, found, &why));
                not_connected(number, NotConnected::Failed(why))
            }
            ForwardingAnswer::Listening { number, port, file, sockets, failed } => {
                match forwards.listening.get_mut(&number) {
                    Some(listening) if !listening.answered && file.as_ref().is_none_or(is_plausible) => {
                        listening.answered = true;
                        listening.file.clone_from(&file);
                        let what = listening.what.clone();
                        self.log_not_bound(failed);
                        let tell = self.overridden(&what);
                        self.helper_listens(what, port, file);
                        (LoggedInAnswer::Listening { number, port, sockets, tell }, descriptors)
                    }
                    _ => return self.helper_is_gone(),
                }
            }
            ForwardingAnswer::NotListening { number, why } => {
                let Some(Listening { what, answered: false, .. }) = forwards.listening.remove(&number) else {
                    return self.helper_is_gone();
                };
                // As theirs, what has no address is told by itself.
                let has_address = why.iter().any(|not_bound| not_bound.address.is_some());
                self.log_not_bound(why);
                if let (For::Client(ListenOn::Tcp { port, .. }), true) = (what, has_address) {
                    self.say(Level::Error, format!("channel_setup_fwd_listener_tcpip: cannot listen to port: {port}"));
                }
                not_listening(number, None)
            }
            ForwardingAnswer::Connected { .. } => return self.helper_is_gone(),
        };
        self.answer(answer)
    }

    /// As theirs, an address that has others behind it is told to those who want to know more. `sshd-forward` is a process
    /// of the user's: no line begins with what it says, but for what theirs begins such lines with.
    fn log_not_bound(&mut self, failed: Vec<NotBound>) {
        for NotBound { address, why, last } in failed.into_iter().take(MOST_SOCKETS) {
            match address {
                Some(address) => {
                    let text = format!("bind [{}]:{}: {}", address.ip(), address.port(), shown(&why));
                    self.say(if last { Level::Error } else { Level::Verbose }, text);
                }
                None if THEIRS.iter().any(|beginning| why.starts_with(beginning)) => self.say(Level::Error, why),
                None => self.say(Level::Error, format!("sshd-forward: {why}")),
            }
        }
    }

    fn helper_listens(&mut self, what: For, port: u16, file: Option<SocketFile>) {
        match what {
            For::Client(on) => {
                let text = format!("Local forwarding listening on {}", listened(&on, port));
                self.debug(&text);
            }
            For::Agent => self.agent_listens(file),
            For::Display { session, authentication } => self.display_listens(session, authentication, port),
        }
    }

    /// What a client reads, as theirs, whose choice of addresses GatewayPorts does not leave to it.
    fn overridden(&self, what: &For) -> Option<String> {
        let For::Client(ListenOn::Tcp { host, .. }) = what else { return None };
        let chosen = !matches!(host.as_str(), "" | "*" | "0.0.0.0");
        (chosen && self.user.effective().gateway_ports == GatewayPorts::Yes)
            .then(|| format!("Forwarding listen address \"{host}\" overridden by server GatewayPorts"))
    }

    /// It was killed, or says what nobody asked: what it still had to do fails. The next request starts another.
    fn helper_is_gone(&mut self) -> Result<(), Over> {
        if let Some(helper) = self.forwards.helper.take() {
            // It may have ended already; either way it is reaped.
            let _ = helper.process.signal(Signal::SIGKILL);
            let _ = helper.process.wait();
            self.say(Level::Error, "sshd-forward has ended unasked".to_owned());
        }
        let connecting: Vec<u32> = self.forwards.connecting.drain().map(|(number, _)| number).collect();
        let unanswered = self.forwards.listening.extract_if(|_, listening| !listening.answered);
        let listening: Vec<u32> = unanswered.map(|(number, _)| number).collect();
        let failed = |number| not_connected(number, NotConnected::Failed("open failed".to_owned()));
        connecting.into_iter().try_for_each(|number| self.answer(failed(number)))?;
        listening.into_iter().try_for_each(|number| self.answer(not_listening(number, None)))
    }

    pub(super) fn say(&mut self, level: Level, text: String) {
        self.connection.log(&Event::Said { level, text });
    }
}

impl Helper {
    fn ask(&self, request: &ForwardingRequest) -> Result<(), IpcError> {
        send_patiently(self.link.socket(), || self.link.send(request))
    }
}

/// What is kept of a process of the user's is bounded.
fn is_plausible(file: &SocketFile) -> bool {
    file.path.len() <= LONGEST_SOCKET_PATH
}

pub(super) fn not_connected(number: u32, why: NotConnected) -> Answer {
    (LoggedInAnswer::NotConnected { number, why }, Vec::new())
}

pub(super) fn not_listening(number: u32, tell: Option<String>) -> Answer {
    (LoggedInAnswer::NotListening { number, tell }, Vec::new())
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Theirs' lines.
fn unreached(to: &ConnectTo, found: bool, why: &str) -> String {
    match to {
        ConnectTo::Tcp { host, .. } if !found => format!("connect_to {}: unknown host ({why})", shown(host)),
        ConnectTo::Tcp { host, port } => format!("connect_to {} port {port}: failed.", shown(host)),
        ConnectTo::Path(path) => format!("connect to {} port -2 failed: {why}", shown(path)),
    }
}

fn listened(on: &ListenOn, port: u16) -> String {
    match on {
        ListenOn::Tcp { host, .. } => format!("{} port {port}.", shown(host)),
        ListenOn::Path(path) => format!("path {}.", shown(path)),
    }
}
