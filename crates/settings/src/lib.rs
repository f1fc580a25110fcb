//! What an `sshd_config` can say: one row per keyword ([`keywords`]), the types of their values ([`values`]), Match
//! blocks ([`criteria`]), and the settings that hold for one connection ([`Effective`]).
//!
//! Reading files is the work of the crate `config`, which only the listener links; everybody else receives
//! [`Settings`] ready-made and resolves them ([`Settings::resolve`]).
#![forbid(unsafe_code)]

pub mod algorithms;
pub mod arguments;
pub mod complaint;
pub mod criteria;
pub mod file_pattern;
pub mod keywords;
pub mod kind;
pub mod paths;
pub mod pattern;
pub mod preauth;
pub mod services;
pub mod session;
pub mod settings;
pub mod text;
pub mod values;
pub mod words;

pub use arguments::Arguments;
pub use complaint::Complaint;
pub use criteria::{Criterion, MatchFacts};
pub use keywords::{Effective, Keyword, Setting};
pub use kind::Kind;
pub use preauth::PreauthSettings;
pub use session::SessionSettings;
pub use settings::{Block, Place, Said, Settings};
pub use values::*;
