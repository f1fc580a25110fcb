//! One file for each question that a process before login can ask: they pair with the functions of
//! `preauth/src/ask_monitor.rs`.

pub(crate) mod approve_account;
pub(crate) mod check_host;
pub(crate) mod check_password;
pub(crate) mod check_signature;
pub(crate) mod choose_group;
pub(crate) mod exchange_gssapi;
pub(crate) mod hold_dialogue;
pub(crate) mod look_up_user;
pub(crate) mod query_key;
pub(crate) mod sign_exchange;
