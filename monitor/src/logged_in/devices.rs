//! What commands find in their environment of the client's side: its agent, its X11 display, a tun(4) device.

use std::path::Path;

use events::Level;
use ipc::forwarding::{Bind, SocketFile, X11Authentication};
use ipc::phases::{LoggedInAnswer, NotConnected};
use ipc::start::X11Display;
use policy::{NoForwarding, TunnelLayer};
use sys::tun::Layer;

use crate::logged_in::forwarding::{For, not_connected, not_listening};
use crate::logged_in::{Answer, Over, ServedLogin};

/// The port of X11 display 0.
const FIRST_PORT: u16 = 6000;

/// Devices that one login may have.
const MOST_TUNNELS: usize = 16;

/// A forwarded display of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Display {
    /// DISPLAY
    pub(super) variable: String,
    pub(super) for_xauth: X11Display,
}

/// Why there is no display.
struct NoDisplay {
    level: Level,
    why: &'static str,
    /// Whether the client may write it into its own log.
    tell: bool,
}

impl NoDisplay {
    fn told(why: &'static str) -> Self {
        Self { tell: true, ..Self::untold(why) }
    }

    fn untold(why: &'static str) -> Self {
        Self { level: Level::Debug1, why, tell: false }
    }
}

/// What a command finds of the client's side.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// DISPLAY, SSH_AUTH_SOCK, SSH_TUNNEL
    pub(super) variables: Vec<(String, String)>,
    pub(super) display: Option<X11Display>,
}

impl ServedLogin {
    /// [`ipc::phases::LoggedInRequest::ListenForAgent`]: one socket for all sessions of the connection, as theirs.
    pub(super) fn listen_for_agent(&mut self, number: u32) -> Result<Option<Answer>, Over> {
        if !self.user.grants().agent_forwarding || self.forwards.has_agent() {
            self.debug("agent forwarding disabled");
            return Ok(Some(not_listening(number, None)));
        }
        self.listen_for(number, For::Agent, Bind::Agent { home: self.user.home().to_owned() })
    }

    /// [`ipc::phases::LoggedInRequest::ListenForX11`]
    pub(super) fn listen_for_x11(
        &mut self,
        number: u32,
        session: u32,
        authentication: X11Authentication,
    ) -> Result<Option<Answer>, Over> {
        if let Err(NoDisplay { level, why, tell }) = self.x11_is_possible(session, &authentication) {
            self.say(level, why.to_owned());
            return Ok(Some(not_listening(number, tell.then(|| why.to_owned()))));
        }
        let effective = self.user.effective();
        let first = u16::try_from(effective.x11_display_offset).unwrap_or(u16::MAX);
        let bind = Bind::Display { first, loopback: effective.x11_use_localhost };
        self.listen_for(number, For::Display { session, authentication }, bind)
    }

    fn x11_is_possible(&mut self, number: u32, authentication: &X11Authentication) -> Result<(), NoDisplay> {
        if !self.user.grants().x11_forwarding {
            let effective = self.user.effective();
            return Err(match effective.x11_forwarding && !effective.disable_forwarding {
                true => NoDisplay::told("X11 forwarding disabled by key options."),
                false => NoDisplay::untold("X11 forwarding disabled in server configuration file."),
            });
        }
        if !policy::is_x11_authentication(&authentication.protocol)
            || !policy::is_x11_authentication(&authentication.cookie)
        {
            return Err(NoDisplay { level: Level::Error, ..NoDisplay::untold("Invalid X11 forwarding data") });
        }
        let effective = self.user.effective();
        let (most, program) = (effective.max_sessions, effective.xauth_location.clone());
        // Inside of a new root it is another program, or none: xauth then fails, and X clients are refused.
        if program.as_deref().is_none_or(|program| self.user.chroot().is_none() && !Path::new(program).exists()) {
            return Err(NoDisplay::told("No xauth program; cannot forward X11."));
        }
        match &self.sessions.open_or_begin(number, most).ok_or(NoDisplay::untold("no more sessions"))?.display {
            None => Ok(()),
            Some(_) => Err(NoDisplay::untold("X11 display already set.")),
        }
    }

    /// `sshd-forward` listens for the agent.
    pub(super) fn agent_listens(&mut self, file: Option<SocketFile>) {
        self.forwards.agent_socket = file.map(|file| file.path);
    }

    /// `sshd-forward` listens for a session's display.
    pub(super) fn display_listens(&mut self, session: u32, authentication: X11Authentication, port: u16) {
        let effective = self.user.effective();
        let (screen, number) = (authentication.screen, port.saturating_sub(FIRST_PORT));
        let shown = |host: &str| format!("{host}:{number}.{screen}");
        let host = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
        // Clients connect by TCP to where xauth(1) keeps cookies of local displays.
        let (variable, name) = if effective.x11_use_localhost {
            (shown("localhost"), shown("unix"))
        } else {
            (shown(&host), shown(&host))
        };
        let xauth = effective.xauth_location.as_deref().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        if let Some(session) = self.sessions.open(session) {
            session.display = Some(Display { variable, for_xauth: X11Display { xauth, name, authentication } });
        }
    }

    /// [`ipc::phases::LoggedInRequest::OpenTunnel`]. Opened with the user's own rights: root must have made the device for
    /// them, or the user is root.
    pub(super) fn open_tunnel(&mut self, number: u32, mode: u32, unit: u32) -> Answer {
        let allowed = self.user.grants().opens_tunnel(mode, unit);
        let (layer, unit) = match allowed {
            Ok(allowed) => allowed,
            Err(NoForwarding::Off) => {
                let text = "Server has rejected tunnel device forwarding".to_owned();
                self.say(Level::Info, text);
                return not_connected(number, NotConnected::Prohibited);
            }
            Err(_) => return not_connected(number, NotConnected::Failed("open failed".to_owned())),
        };
        if self.forwards.tunnels.len() >= MOST_TUNNELS {
            return not_connected(number, NotConnected::Failed("open failed".to_owned()));
        }
        let layer = match layer {
            TunnelLayer::PointToPoint => Layer::Network,
            TunnelLayer::Ethernet => Layer::Link,
        };
        let opened = sys::identity::as_user(self.user.identity(), || sys::tun::open(layer, unit));
        match opened.and_then(|opened| opened) {
            Ok((device, name)) => {
                self.debug(&format!("Tunnel forwarding using interface {name}"));
                self.forwards.tunnels.push(name);
                (LoggedInAnswer::Connected { number }, vec![device])
            }
            Err(error) => {
                self.say(Level::Error, format!("tunnel device: {error}"));
                not_connected(number, NotConnected::Failed("open failed".to_owned()))
            }
        }
    }

    /// What a command of this session finds.
    pub(super) fn forwarded_to(&mut self, number: u32) -> Forwarded {
        let display = self.sessions.open(number).and_then(|session| session.display.clone());
        let (variable, display) = match display {
            Some(Display { variable, for_xauth }) => (Some(("DISPLAY".to_owned(), variable)), Some(for_xauth)),
            None => (None, None),
        };
        let agent = self.forwards.agent_socket.clone().map(|path| ("SSH_AUTH_SOCK".to_owned(), path));
        let tunnels =
            (!self.forwards.tunnels.is_empty()).then(|| ("SSH_TUNNEL".to_owned(), self.forwards.tunnels.join(",")));
        Forwarded { variables: variable.into_iter().chain(agent).chain(tunnels).collect(), display }
    }
}
