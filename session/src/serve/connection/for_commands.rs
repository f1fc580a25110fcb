//! What commands on our side use of the client's: its agent (`ssh -A`), its X11 display (`ssh -X`; RFC 4254 section 6.3).
//!
//! As with every forwarding the monitor decides, `sshd-forward` opens the sockets, and this process accepts.

use ipc::forwarding::X11Authentication;
use ipc::phases::LoggedInRequest;

use super::Connection;
use super::listening::Listened;
use crate::serve::monitor_link::{LinkError, MonitorLink};

/// A socket that was asked for on behalf of a session.
#[derive(Debug)]
pub(super) struct AskedForSession {
    /// Between us and the monitor.
    pub(super) number: u32,
    /// The session's channel.
    channel: u32,
    what: Listened,
    want_reply: bool,
}

impl Connection {
    /// `auth-agent-req@openssh.com`. One socket serves all sessions of the connection: who asks again has it already.
    pub(super) fn ask_for_agent(
        &mut self,
        channel: u32,
        channel_type: &'static str,
        want_reply: bool,
        link: &mut MonitorLink,
    ) -> Result<(), LinkError> {
        if self.listening.has_agent() {
            if let Some(channel) = self.channels.find(channel).filter(|_| want_reply) {
                channel.reply(true, &mut self.outbox);
            }
            return Ok(());
        }
        let number = self.listening.new_number();
        link.ask_for_forwarding(&LoggedInRequest::ListenForAgent { number })?;
        self.wait_for_socket(AskedForSession { number, channel, what: Listened::Agent { channel_type }, want_reply });
        Ok(())
    }

    /// `x11-req`
    pub(super) fn ask_for_display(
        &mut self,
        channel: u32,
        single_connection: bool,
        authentication: X11Authentication,
        want_reply: bool,
        link: &mut MonitorLink,
    ) -> Result<(), LinkError> {
        let Some(session) = self.channels.find(channel).and_then(|channel| channel.session()).map(|one| one.number)
        else {
            return Ok(());
        };
        let number = self.listening.new_number();
        link.ask_for_forwarding(&LoggedInRequest::ListenForX11 { number, session, authentication })?;
        let what = Listened::Display { channel, single_connection };
        self.wait_for_socket(AskedForSession { number, channel, what, want_reply });
        Ok(())
    }

    fn wait_for_socket(&mut self, asked: AskedForSession) {
        if let Some(session) = self.channels.find(asked.channel).and_then(|channel| channel.session_mut()) {
            session.listener_asked = true;
        }
        self.listening.for_sessions.push(asked);
    }

    /// The monitor has answered about a number that a session waits for: who and for what. None for other numbers.
    pub(super) fn asked_for_session(&mut self, number: u32) -> Option<Listened> {
        let place = self.listening.for_sessions.iter().position(|asked| asked.number == number)?;
        Some(self.listening.for_sessions.get(place)?.what)
    }

    /// Tells the session how it went.
    pub(super) fn socket_for_session(&mut self, number: u32, success: bool) {
        let Some(place) = self.listening.for_sessions.iter().position(|asked| asked.number == number) else { return };
        let asked = self.listening.for_sessions.swap_remove(place);
        let Some(channel) = self.channels.find(asked.channel) else { return };
        if let Some(session) = channel.session_mut() {
            session.listener_asked = false;
            if success && matches!(asked.what, Listened::Display { .. }) {
                session.has_display = true;
                session.known_to_monitor = true;
            }
        }
        if asked.want_reply {
            channel.reply(success, &mut self.outbox);
        }
    }

    /// A session's channel is closed: nobody reaches its display any more.
    pub(super) fn stop_display_of(&mut self, channel: u32, link: &mut MonitorLink) -> Result<(), LinkError> {
        self.stop_those(link, |what| matches!(what, Listened::Display { channel: of, .. } if *of == channel))
    }
}
