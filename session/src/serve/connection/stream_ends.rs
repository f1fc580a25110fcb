//! Our side of a channel whose data goes to and comes from descriptors: a command's pipes, its terminal, or the socket
//! of a forwarded connection. "Input" is what the peer's data goes into.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::serve::descriptor::{Descriptor, ReadOutcome};

/// The descriptors of a channel. Each is closed as soon as nothing can go through it any more.
#[derive(Debug)]
pub(crate) struct StreamEnds {
    input: Option<Rc<Descriptor>>,
    output: Option<Rc<Descriptor>>,
    errors: Option<Rc<Descriptor>>,
    /// What the command has not taken yet. Never more than the window that the peer was given.
    waiting: VecDeque<u8>,
    /// The peer sends no more: the input is closed once nothing waits.
    input_complete: bool,
    /// Input and output are one socket: what is done with is shut down, as closing one half needs.
    is_socket: bool,
    /// A password seems to be typed: how many bytes of it were passed on since this was last asked.
    hidden: usize,
}

/// Which output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Descriptor 1, or the terminal: SSH_MSG_CHANNEL_DATA.
    Output,
    /// Descriptor 2: SSH_MSG_CHANNEL_EXTENDED_DATA.
    Errors,
}

impl StreamEnds {
    /// A command with three pipes.
    pub(crate) fn pipes(input: Descriptor, output: Descriptor, errors: Descriptor) -> Self {
        Self::over(Rc::new(input), Rc::new(output), Some(Rc::new(errors)))
    }

    /// A command on a terminal: everything goes through its master side.
    pub(crate) fn terminal(master: &Rc<Descriptor>) -> Self {
        Self::over(Rc::clone(master), Rc::clone(master), None)
    }

    fn over(input: Rc<Descriptor>, output: Rc<Descriptor>, errors: Option<Rc<Descriptor>>) -> Self {
        let (input, output) = (Some(input), Some(output));
        Self { input, output, errors, waiting: VecDeque::new(), input_complete: false, is_socket: false, hidden: 0 }
    }

    /// A connected stream socket.
    pub(crate) fn socket(socket: Descriptor) -> Self {
        let socket = Rc::new(socket);
        Self { is_socket: true, ..Self::over(Rc::clone(&socket), socket, None) }
    }

    /// Passes data of the peer on; what the command does not take now waits. Returns how many bytes have left our
    /// memory, those that nobody wants included.
    pub(crate) fn take(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        if self.waiting.is_empty() {
            let written = self.write(cx, bytes);
            rest = bytes.get(written..).unwrap_or_default();
        }
        if self.input.is_none() {
            return bytes.len();
        }
        self.waiting.extend(rest);
        bytes.len().saturating_sub(rest.len())
    }

    /// Passes on what waits. Returns how many bytes have left our memory.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> usize {
        let mut passed_on = 0_usize;
        while !self.waiting.is_empty() && self.input.is_some() {
            let waiting = std::mem::take(&mut self.waiting);
            let written = self.write(cx, waiting.as_slices().0);
            self.waiting = waiting;
            self.waiting.drain(..written);
            passed_on = passed_on.saturating_add(written);
            if written == 0 {
                break;
            }
        }
        if self.input.is_none() {
            passed_on = passed_on.saturating_add(self.forget_waiting());
        } else if self.input_complete && self.waiting.is_empty() {
            self.end_input();
        }
        passed_on
    }

    /// Writes as much as the command takes now; when it takes nothing ever again, the input is closed.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let Some(input) = &self.input else { return 0 };
        let mut written = 0_usize;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match input.poll_write(cx, rest) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    // As theirs: Enter shows anyway, and is what ends such a line.
                    if rest.first() != Some(&b'\r') && input.hides_what_is_typed() {
                        self.hidden = self.hidden.saturating_add(count);
                    }
                    written = written.saturating_add(count);
                }
                Poll::Pending => break,
                Poll::Ready(_) => {
                    self.end_input();
                    break;
                }
            }
        }
        written
    }

    /// Nothing more goes in: whoever reads finds the end of the file.
    fn end_input(&mut self) {
        if let Some(input) = self.input.take()
            && self.is_socket
        {
            input.send_no_more();
        }
    }

    fn forget_waiting(&mut self) -> usize {
        let forgotten = self.waiting.len();
        self.waiting = VecDeque::new();
        forgotten
    }

    /// How many bytes went to a terminal that does not show them, since the last time.
    pub(crate) fn take_hidden(&mut self) -> usize {
        std::mem::take(&mut self.hidden)
    }

    /// The peer sends no more.
    pub(crate) fn input_is_complete(&mut self) {
        self.input_complete = true;
        if self.waiting.is_empty() {
            self.end_input();
        }
    }

    /// The command has ended: nobody reads what waits. Returns how many bytes have left our memory.
    pub(crate) fn close_input(&mut self) -> usize {
        self.end_input();
        self.forget_waiting()
    }

    /// The peer takes no more: a command that goes on writing gets SIGPIPE.
    pub(crate) fn close_outputs(&mut self) {
        self.output = None;
        self.errors = None;
    }

    /// Whether data of the peer still goes anywhere.
    pub(crate) fn input_is_open(&self) -> bool {
        self.input.is_some()
    }

    /// Whether data for the peer can still come.
    pub(crate) fn outputs_are_open(&self) -> bool {
        self.output.is_some() || self.errors.is_some()
    }

    /// Whether something that was written is still unread.
    pub(crate) fn has_unread_output(&self) -> bool {
        [&self.output, &self.errors].into_iter().flatten().any(|stream| stream.has_input())
    }

    /// Whether this stream has something to read (or its end to be found).
    pub(crate) fn is_readable(&self, stream: Stream, cx: &mut Context<'_>) -> bool {
        self.stream(stream).is_some_and(|descriptor| descriptor.is_readable(cx))
    }

    /// Reads once, straight to where it will be sealed. 0: nothing now, or the end, after which the stream is closed.
    pub(crate) fn read(&mut self, stream: Stream, cx: &mut Context<'_>, into: &mut [u8]) -> usize {
        let Some(descriptor) = self.stream(stream) else { return 0 };
        match descriptor.poll_read(cx, into) {
            Poll::Ready(Ok(ReadOutcome::Some(count))) => count,
            Poll::Pending => 0,
            // A terminal whose last user has gone gives EIO: that is its end of file.
            Poll::Ready(Ok(ReadOutcome::End) | Err(_)) => {
                self.close(stream);
                0
            }
        }
    }

    /// Closes a stream that has come to its end, without reading. Returns whether it was so.
    pub(crate) fn close_if_at_end(&mut self, stream: Stream, cx: &mut Context<'_>) -> bool {
        let at_end = self.stream(stream).is_some_and(|descriptor| descriptor.is_at_end(cx));
        if at_end {
            self.close(stream);
        }
        at_end
    }

    fn close(&mut self, stream: Stream) {
        match stream {
            Stream::Output => self.output = None,
            Stream::Errors => self.errors = None,
        }
    }

    fn stream(&self, stream: Stream) -> Option<&Descriptor> {
        match stream {
            Stream::Output => self.output.as_deref(),
            Stream::Errors => self.errors.as_deref(),
        }
    }

    /// Gives back what a busy moment needed.
    pub(crate) fn quiet(&mut self) {
        self.waiting.shrink_to_fit();
    }
}
