//! `internal-sftp`: our side of a channel is an SFTP server in this very process.

use std::path::PathBuf;

use aws_lc_rs::digest;
use events::session::Event;
use ipc::phases::LoggedInRequest;
use sftp::{ByteQueue, Progress, Server, SftpEvent};

use super::packets::Packets;
use super::window::PeerWindow;
use crate::serve::monitor_link::MonitorLink;
use crate::serve::rate::Rates;

/// Answers that wait for the peer's window, in bytes, before no more requests are served.
const ENOUGH_ANSWERS: usize = 256 * 1024;

/// Exit status of a session that a broken packet ended, as theirs.
const BAD_MESSAGE: u32 = 11;

/// Longest line for the log, in bytes: more than two paths that exist can need.
const LONGEST_LINE: usize = 40 * 1024;

/// An SFTP server, what it has answered, and how it ended.
#[derive(Debug)]
pub(crate) struct SftpEnd {
    server: Option<Server>,
    answers: ByteQueue,
    input_complete: bool,
    ended: Option<u32>,
    rates: Rates,
    /// `-f`: the syslog facility's number.
    facility: u8,
}

impl SftpEnd {
    pub(crate) fn start(options: sftp::Options, client: sftp::Client, rates: Rates, link: &mut MonitorLink) -> Self {
        let facility = options.log_facility;
        let server = Some(Server::start(options, client, &mut ThroughMonitor { link, facility }));
        Self { server, answers: ByteQueue::new(), input_complete: false, ended: None, rates, facility }
    }

    /// Takes data of the peer. Returns how many bytes have left our memory: those that nobody wants.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        match &mut self.server {
            // There is room for a whole window (`sftp::Client::input_limit`).
            Some(server) => bytes.len().saturating_sub(server.feed(bytes)),
            None => bytes.len(),
        }
    }

    /// Serves what has been asked, while the answers have room. Returns how many bytes of requests have left our
    /// memory, and whether there is more to do at once.
    pub(crate) fn serve(&mut self, link: &mut MonitorLink) -> (usize, bool) {
        let Some(server) = &mut self.server else { return (0, false) };
        if self.answers.len() >= ENOUGH_ANSWERS {
            return (0, false);
        }
        let room_before = server.input_room();
        let allowed = self.rates.up.allows();
        let mut around = ThroughMonitor { link, facility: self.facility };
        let progress = server.serve_some(&mut around, &mut self.answers, ENOUGH_ANSWERS, allowed);
        let served = server.input_room().saturating_sub(room_before);
        self.rates.up.moved(served);
        match progress {
            Ok(Progress::NeedsInput) if self.input_complete => self.end(0, link),
            Ok(Progress::Busy) => return (served, true),
            Ok(Progress::NeedsInput | Progress::OutputFull | Progress::Paused) => {}
            Err(_) => self.end(BAD_MESSAGE, link),
        }
        (served, served > 0)
    }

    /// Sends answers as far as the window goes. Returns whether there were any to send.
    pub(crate) fn send(
        &mut self,
        head: &[u8],
        at_most: u32,
        window: &mut PeerWindow,
        packets: &mut impl Packets,
    ) -> bool {
        let mut sent_some = false;
        while packets.want_data() && window.left() > 0 && !self.answers.is_empty() && self.rates.down.allows() > 0 {
            let length = self.answers.len().min(window.left().min(at_most) as usize);
            let answers = self.answers.pending().get(..length).unwrap_or_default();
            packets.send_filled(head, length, |space| match space.get_mut(..length) {
                Some(place) => {
                    place.copy_from_slice(answers);
                    length
                }
                None => 0,
            });
            window.sent(u32::try_from(length).unwrap_or(u32::MAX));
            self.answers.consumed(length);
            self.rates.down.moved(length);
            sent_some = true;
        }
        sent_some
    }

    /// The peer sends no more: what it has asked is still answered.
    pub(crate) fn input_is_complete(&mut self) {
        self.input_complete = true;
    }

    /// Ends the server, if it still runs: what the client left open is closed.
    pub(crate) fn end(&mut self, status: u32, link: &mut MonitorLink) {
        if let Some(server) = self.server.take() {
            server.finish(&mut ThroughMonitor { link, facility: self.facility });
            self.ended = Some(status);
        }
    }

    /// The peer takes no more answers.
    pub(crate) fn drop_answers(&mut self) {
        self.answers = ByteQueue::new();
    }

    /// The exit status, once the server has ended.
    pub(crate) fn exit_status(&self) -> Option<u32> {
        self.ended
    }

    /// Whether answers wait or can still come.
    pub(crate) fn can_answer(&self) -> bool {
        self.server.is_some() || !self.answers.is_empty()
    }

    /// Gives back what a busy moment needed.
    pub(crate) fn quiet(&mut self) {
        self.answers.release_memory();
        if let Some(server) = &mut self.server {
            server.release_memory();
        }
    }
}

/// What SFTP needs of the system comes from the monitor. When the monitor has gone, the event loop finds that out by
/// itself: a name that cannot be had is no name.
struct ThroughMonitor<'l> {
    link: &'l mut MonitorLink,
    facility: u8,
}

impl sftp::Surroundings for ThroughMonitor<'_> {
    fn log(&mut self, event: SftpEvent) {
        let mut text = event.text();
        text.truncate(text.floor_char_boundary(LONGEST_LINE));
        let _ = self.link.record(Event::Sftp { facility: self.facility, level: event.level(), text });
    }

    fn user_name(&mut self, uid: u32) -> Option<String> {
        self.link.ask_for_name(&LoggedInRequest::NameOfUser { uid }).ok().flatten()
    }

    fn group_name(&mut self, gid: u32) -> Option<String> {
        self.link.ask_for_name(&LoggedInRequest::NameOfGroup { gid }).ok().flatten()
    }

    fn home_of(&mut self, user: &str) -> Option<PathBuf> {
        let request = LoggedInRequest::HomeOfUser { user: user.to_owned() };
        self.link.ask_for_name(&request).ok().flatten().map(PathBuf::from)
    }

    fn file_changed(&mut self, event: events::files::Event) {
        let _ = self.link.tell(&LoggedInRequest::RecordFile(event));
    }

    fn new_digest(&self) -> Option<Box<dyn sftp::Digest>> {
        Some(Box::new(Sha256(digest::Context::new(&digest::SHA256))))
    }
}

/// The sum of an uploaded file.
struct Sha256(digest::Context);

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sha256")
    }
}

impl sftp::Digest for Sha256 {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> String {
        events::files::hex(self.0.finish().as_ref())
    }
}
