//! What is wrong with a line, and whether reading may go on after it.

/// Something wrong with a configuration line. Theirs sorts errors in two: those that are counted while the reading
/// goes on, and those that end it at once. Which is which is part of the contract (`-t` lists all counted ones).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Complaint {
    /// Reported and counted; the run fails at the end of the file.
    #[error("{0}")]
    Counted(String),
    /// Ends the reading at once.
    #[error("{0}")]
    Fatal(String),
    /// Ends the reading at once; theirs does not say where, we do not mind saying it.
    #[error("{0}")]
    FatalAnywhere(String),
}

impl Complaint {
    /// A counted complaint.
    pub fn counted(text: impl Into<String>) -> Self {
        Self::Counted(text.into())
    }

    /// A complaint that ends the reading.
    pub fn fatal(text: impl Into<String>) -> Self {
        Self::Fatal(text.into())
    }
}
