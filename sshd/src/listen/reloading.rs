//! SIGHUP: a new configuration is read and checked whole before anything changes. Sockets that stay are never closed,
//! connections live on, the process and its command line stay the same.

use std::net::SocketAddr;

use events::listener::Event;
use events::{ConnectionFacts, Loggable};
use sys::errors::words;

use super::Failure;
use super::accepting::{accept_on, close_all_but};
use super::configuration::{InForce, Read};
use super::serving::{Server, listen_on_all};
use super::sockets::Listening;

impl Server<'_> {
    /// Follows the configuration as it is now in the files. With one that cannot be used everything stays as it was.
    /// # Errors
    /// What is wrong with it; it is logged already.
    pub(crate) async fn reload(&mut self) -> Result<(), String> {
        self.listener.borrow_mut().say(&Event::ReceivedSighup);
        self.service.reloading();
        let followed = match self.read_where_it_was_started() {
            Ok(read) => self.follow(read).await,
            Err(refused) => Err(refused),
        };
        match followed {
            Ok(()) => {
                self.service.ready();
                Ok(())
            }
            Err(refused) => {
                let why = in_one_line(&refused);
                self.service.still_ready(&why);
                self.listener.borrow_mut().say(&Event::ReloadFailed { why: why.clone() });
                Err(why)
            }
        }
    }

    /// Relative paths in the files mean what they meant at the start.
    fn read_where_it_was_started(&self) -> Result<Read, Failure> {
        let here = std::env::current_dir();
        let _ = std::env::set_current_dir(&self.start.started_in);
        let read = self.start.read_again();
        if let Ok(here) = here {
            let _ = std::env::set_current_dir(here);
        }
        read
    }

    async fn follow(&mut self, read: Read) -> Result<(), Failure> {
        let log = read.in_force.handed.open_log().map_err(Failure::fatal)?;
        self.move_sockets(&read.in_force).await?;
        let mut listener = self.listener.borrow_mut();
        listener.log = log;
        listener.penalties.fit(&read.in_force.sources.penalties);
        listener.in_force = read.in_force;
        for line in &read.said {
            listener.say(line);
        }
        listener.say_where();
        listener.show_title();
        drop(listener);
        self.write_pid_file();
        Ok(())
    }

    /// Opens what is new, then closes what is not wanted any more. Nothing is closed if nothing would be left.
    async fn move_sockets(&mut self, new: &InForce) -> Result<(), Failure> {
        if self.sockets_were_passed {
            return Ok(());
        }
        let old = self.listener.borrow().listening_on();
        let added: Vec<SocketAddr> = new.listen_on.iter().copied().filter(|at| !old.contains(at)).collect();
        let stays = old.iter().any(|at| new.listen_on.contains(at));
        let (first, blocked): (Vec<_>, Vec<_>) = added.into_iter().partition(|at| !is_blocked_by(*at, &old, new));
        let (mut opened, mut complaints) = listen_on_all(&first);
        if !stays && opened.is_empty() && blocked.is_empty() {
            return Err(cannot_bind(complaints));
        }
        close_all_but(&self.listener, &new.listen_on).await;
        let (unblocked, more) = listen_on_all(&blocked);
        opened.extend(unblocked);
        complaints.extend(more);
        if !stays && opened.is_empty() {
            let (old, _) = listen_on_all(&old);
            self.accept_on_all(old);
            return Err(cannot_bind(complaints));
        }
        self.accept_on_all(opened);
        for complaint in &complaints {
            self.listener.borrow_mut().say(complaint);
        }
        Ok(())
    }

    fn accept_on_all(&mut self, opened: Vec<Listening>) {
        for socket in opened {
            if let Err(why) = accept_on(&self.listener, socket) {
                self.listener.borrow_mut().error(format!("cannot wait for connections: {}", words(&why)));
            }
        }
    }
}

fn cannot_bind(mut complaints: Vec<Event>) -> Failure {
    complaints.extend(Failure::fatal("Cannot bind any address.").lines);
    Failure { lines: complaints, status: 255 }
}

/// Whether an old socket that goes has the port of this new one: `0.0.0.0` and an address of its own exclude each
/// other, so the old one has to go first.
fn is_blocked_by(at: SocketAddr, old: &[SocketAddr], new: &InForce) -> bool {
    old.iter().any(|old| !new.listen_on.contains(old) && old.port() == at.port() && old.is_ipv4() == at.is_ipv4())
}

fn in_one_line(refused: &Failure) -> String {
    let facts = ConnectionFacts::none();
    let complaints = refused.lines.iter().filter(|line| line.level() <= events::Level::Info);
    complaints.map(|line| line.text(&facts)).collect::<Vec<_>>().join("; ")
}
