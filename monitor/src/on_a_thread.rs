//! Work that takes as long as somebody else's code likes: libraries that wait for other hosts, or for a user.
//!
//! It runs on a thread, so that whatever a library keeps in its handle is still there for the next step, and the main
//! thread watches meanwhile what ends every wait before login: LoginGraceTime and the end of `sshd-preauth`. A thread
//! cannot be ended from outside; when it has to end, this process does.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::ending::Ending;
use crate::preauth_child::Bounds;

/// Threads that have not come to their end.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Whether any thread still works: then the process must not be taken down in good order, which frees what the thread
/// uses.
pub(crate) fn is_any_running() -> bool {
    RUNNING.load(Ordering::SeqCst) > 0
}

/// What a thread says.
pub(crate) enum Report<Question, Done> {
    /// It goes on when it has an answer.
    Asks(Question),
    /// It has come to its end.
    Done(Done),
}

/// Work under way.
pub(crate) struct AtWork<Question, Answer, Done> {
    reports: Receiver<Report<Question, Done>>,
    answers: Sender<Answer>,
    /// One byte for each report: something to wait on with poll(2).
    bell: PipeReader,
}

/// The thread's way to ask.
pub(crate) struct Asker<Question, Answer, Done> {
    reports: Sender<Report<Question, Done>>,
    answers: Receiver<Answer>,
    bell: PipeWriter,
}

/// Nobody answers any more.
pub(crate) struct NobodyAnswers;

impl<Question: Send + 'static, Answer: Send + 'static, Done: Send + 'static> AtWork<Question, Answer, Done> {
    /// Starts the work.
    pub(crate) fn start(
        work: impl FnOnce(&mut Asker<Question, Answer, Done>) -> Done + Send + 'static,
    ) -> io::Result<Self> {
        let (bell, rings) = io::pipe()?;
        let (reports, to_main) = channel();
        let (to_thread, answers) = channel();
        RUNNING.fetch_add(1, Ordering::SeqCst);
        let mut asker = Asker { reports, answers, bell: rings };
        let started = std::thread::Builder::new().spawn(move || {
            let done = work(&mut asker);
            // What the work used is given up or handed over by now.
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            let _ = asker.report(Report::Done(done));
        });
        if let Err(error) = started {
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            return Err(error);
        }
        Ok(Self { reports: to_main, answers: to_thread, bell })
    }

    /// Waits for what the thread says next.
    pub(crate) fn next_report(&mut self, bounds: Bounds<'_>) -> Result<Report<Question, Done>, Ending> {
        bounds.wait_for(self.bell.as_fd())?;
        self.bell.read_exact(&mut [0])?;
        self.reports.recv().map_err(|_| Ending::Failed(io::ErrorKind::BrokenPipe.into()))
    }

    /// Answers a question.
    pub(crate) fn answer(&self, answer: Answer) {
        // A thread that has ended has said so.
        let _ = self.answers.send(answer);
    }

    /// Waits for the end of the work. Whatever it asks meanwhile has no answer.
    pub(crate) fn finish(self, bounds: Bounds<'_>) -> Result<Done, Ending> {
        let Self { reports, answers, mut bell } = self;
        drop(answers);
        loop {
            bounds.wait_for(bell.as_fd())?;
            bell.read_exact(&mut [0])?;
            match reports.recv() {
                Ok(Report::Asks(_)) => {}
                Ok(Report::Done(done)) => return Ok(done),
                Err(_) => return Err(Ending::Failed(io::ErrorKind::BrokenPipe.into())),
            }
        }
    }
}

impl<Question, Answer, Done> Asker<Question, Answer, Done> {
    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, question: Question) -> Result<Answer, NobodyAnswers> {
        self.report(Report::Asks(question))?;
        self.answers.recv().map_err(|_| NobodyAnswers)
    }

    fn report(&mut self, report: Report<Question, Done>) -> Result<(), NobodyAnswers> {
        self.reports.send(report).map_err(|_| NobodyAnswers)?;
        self.bell.write_all(&[1]).map_err(|_| NobodyAnswers)
    }
}

/// Work that asks nothing.
pub(crate) fn do_bounded<Done: Send + 'static>(
    bounds: Bounds<'_>,
    work: impl FnOnce() -> Done + Send + 'static,
) -> Result<Done, Ending> {
    AtWork::<(), (), Done>::start(|_| work())?.finish(bounds)
}
