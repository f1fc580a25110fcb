//! What the words of `promises` mean to Linux, and the putting on of each layer.

pub mod calls;
pub mod landlock;
pub mod limits;
pub mod names;
pub mod privileges;
pub mod seccomp;
pub mod socket_opener;
pub mod violation;

mod file_calls;
