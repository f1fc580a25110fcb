//! One loop that waits for everything at once: the network, the monitor, the commands and the clock.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use events::Depth;
use ipc::phases::{ExchangeToSign, LoggedInAnswer, LoggedInRequest, ModpGroup, PrimeSizes};
use settings::values::IpQos;
use tokio::time::{Instant, timeout};
use transport::{Event, Transport};

use super::clock::Clock;
use super::connection::{Connection, Received};
use super::details;
use super::ending::Ending;
use super::monitor_link::{Asked, Heard, LinkError, MonitorLink};
use super::network::Network;

/// Turns before other descriptors' readiness is looked up again, so that a busy direction never starves another.
const TURNS_PER_WAKE: u32 = 4;

/// Bytes of the peer after which the network is asked for its round trip again: those who send little need no large
/// windows.
const BYTES_PER_MEASUREMENT: usize = 1024 * 1024;

/// How long a peer that is told goodbye has to take it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Everything that serving a connection needs.
#[derive(Debug)]
pub(crate) struct EventLoop {
    pub(crate) network: Network,
    pub(crate) link: MonitorLink,
    pub(crate) transport: Transport,
    pub(crate) connection: Connection,
    pub(crate) clock: Clock,
    /// `IPQoS`
    pub(crate) ip_qos: IpQos,
    /// Bytes of the peer since the network was asked for its round trip.
    pub(crate) unmeasured: usize,
    /// A packet waits inside the connection for an answer of the monitor's.
    pub(crate) held: bool,
    /// Whether the log takes details.
    pub(crate) details: bool,
    /// For the process title.
    pub(crate) user: String,
}

impl EventLoop {
    /// Serves until the connection is over, says why, and leaves nothing open.
    pub(crate) async fn serve(&mut self) -> Ending {
        let ending = loop {
            match poll_fn(|cx| self.poll_turns(cx)).await {
                Ok(()) => tokio::task::yield_now().await,
                Err(ending) => break ending,
            }
        };
        self.say_goodbye(&ending).await;
        ending
    }

    /// Tells the client why there is no session, and waits until it has hung up: were its own first request still
    /// unread when the connection is closed, TCP would throw our words away with it.
    pub(crate) async fn serve_nothing(&mut self, why: String) {
        self.say_goodbye(&Ending::NotServed(why)).await;
        let _ = timeout(FAREWELL, poll_fn(|cx| self.network.poll_drained(cx))).await;
    }

    /// Ready when something moved, so that there may be more to do; pending when everything waits for somebody.
    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ending>> {
        for _ in 0..TURNS_PER_WAKE {
            let moved = self.turn(cx)?;
            if moved {
                self.clock.moved();
            }
            self.see_to_the_clock(cx)?;
            if !moved {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let heard = self.hear_monitor(cx)?;
        let received = self.receive(cx)?;
        let handled = self.handle_packets(cx)?;
        if self.transport.rekey_due(sys::clock::monotonic()) {
            self.transport.start_rekey();
        }
        let pumped = self.connection.pump(cx, &mut self.transport, &mut self.link)?;
        self.clock.channels_expire_at(self.connection.next_idle_deadline());
        self.clock.connection_is_used(self.connection.is_used());
        self.network.set_service_class(if self.connection.has_bulk() {
            self.ip_qos.bulk
        } else {
            self.ip_qos.interactive
        });
        self.show_title();
        self.show_details()?;
        let sent = match self.network.poll_send(cx, &mut self.transport) {
            Poll::Ready(sent) => sent.map_err(Ending::Network)?,
            Poll::Pending => false,
        };
        Ok(heard || received || handled || pumped || sent)
    }

    fn hear_monitor(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let mut heard_something = false;
        while let Poll::Ready(heard) = self.link.poll_heard(cx) {
            heard_something = true;
            match heard? {
                Heard::Answer(Asked::Signature, LoggedInAnswer::Signed(signature), _) => {
                    self.transport.signature(&signature)?;
                }
                Heard::Answer(Asked::Group, LoggedInAnswer::Group(chosen), _) => {
                    let group = chosen.map(|ModpGroup { prime, generator }| transport::ModpGroup { prime, generator });
                    self.transport.group(group)?;
                }
                heard => self.connection.heard(heard, &mut self.link)?,
            }
        }
        Ok(heard_something)
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if self.held || !self.transport.wants_input() {
            return Ok(false);
        }
        match self.network.poll_receive(cx, &mut self.transport) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(Some(count))) => {
                self.unmeasured = self.unmeasured.saturating_add(count);
                if self.unmeasured >= BYTES_PER_MEASUREMENT {
                    self.unmeasured = 0;
                    self.connection.takes(self.network.round_trip());
                }
                Ok(true)
            }
            Poll::Ready(Ok(None)) => Err(Ending::HungUp),
            Poll::Ready(Err(error)) => Err(Ending::Network(error)),
        }
    }

    fn handle_packets(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        let mut handled = false;
        if self.held {
            self.held = self.connection.receive_held(cx, &mut self.link)? == Received::Held;
            handled = !self.held;
        }
        while !self.held && !self.link.has_said_much() {
            if self.details {
                self.transport.find_event()?;
                self.show_details()?;
            }
            let Some(event) = self.transport.next_event()? else { break };
            handled = true;
            if self.details {
                show(&event, &self.link)?;
            }
            match event {
                Event::Packet(packet) => match self.connection.receive(packet, cx, &mut self.link)? {
                    Received::Done => {}
                    Received::Held => self.held = true,
                    Received::Unknown => self.transport.unimplemented(),
                },
                Event::ChooseGroup { minimum, wanted, maximum } => {
                    let sizes = PrimeSizes { minimum, wanted, maximum };
                    self.link.ask(&LoggedInRequest::ChooseGroup(sizes), Asked::Group)?;
                }
                Event::SignExchangeHash { host_key, algorithm, exchange_hash } => {
                    let exchange = ExchangeToSign {
                        host_key,
                        algorithm: algorithm.to_owned(),
                        exchange_hash: exchange_hash.to_vec(),
                    };
                    self.link.ask(&LoggedInRequest::SignRekey(exchange), Asked::Signature)?;
                }
                Event::NewKeys { .. } => self.clock.has_new_keys(),
                Event::Disconnected { reason, text } => {
                    return Err(Ending::Disconnected { reason, text: text.to_owned() });
                }
                Event::PeerIdentified { .. } | Event::Debug { .. } => {}
            }
        }
        if handled {
            self.clock.peer_spoke();
        }
        Ok(handled)
    }

    fn see_to_the_clock(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        self.clock.go_on_at(self.connection.go_on_at());
        let due = self.clock.poll_due(cx);
        if due.go_on {
            cx.waker().wake_by_ref();
        }
        if due.unresponsive {
            return Err(Ending::Unresponsive);
        }
        if due.unused {
            return Err(Ending::Unused);
        }
        if due.idle {
            self.connection.close_idle(Instant::now(), &mut self.link)?;
            // What closes them has to be sent: there must be another turn.
            cx.waker().wake_by_ref();
        }
        if due.quiet {
            self.transport.quiet();
            self.connection.quiet();
        }
        if due.probe {
            self.connection.probe();
            // The question has to be sent: there must be another turn.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn show_details(&mut self) -> Result<(), LinkError> {
        let details = self.transport.take_details();
        details.into_iter().try_for_each(|line| self.link.detail(Depth::of(line.depth), || line.text))
    }

    fn show_title(&mut self) {
        if let Some(title) = self.connection.take_new_title() {
            sys::title::set(&format!("sshd: {}@{title}", self.user));
        }
    }

    /// Closes what is open, logs why, and tells the peer if it can still be told.
    async fn say_goodbye(&mut self, ending: &Ending) {
        // A monitor that has gone writes no log.
        let _ = self.show_details();
        self.connection.abandon(&mut self.link);
        for event in ending.events(self.transport.transferred()) {
            // A monitor that has gone writes no log, and there is nobody else to be told.
            let _ = self.link.record(event);
        }
        let _ = self.connection.let_all_sessions_go(&mut self.link);
        if let Some((reason, text)) = ending.farewell() {
            self.transport.disconnect(reason, &text);
            let network = &mut self.network;
            let transport = &mut self.transport;
            let flushed = poll_fn(|cx| {
                while !transport.output().is_empty() {
                    match network.poll_send(cx, transport) {
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(_)) => break,
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Poll::Ready(())
            });
            // Whether it came through or not, the connection is over.
            let _ = timeout(FAREWELL, flushed).await;
        }
    }
}

/// For somebody who debugs.
fn show(event: &Event<'_>, link: &MonitorLink) -> Result<(), Ending> {
    let text = match event {
        Event::Packet(packet) => details::of_packet(packet),
        Event::Debug { text } => Some(format!("Remote: {text}")),
        _ => None,
    };
    text.map_or(Ok(()), |text| link.detail(Depth::One, || text))?;
    Ok(())
}
