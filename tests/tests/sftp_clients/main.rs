//! The clients that people use for SFTP, each doing what people do with it.

mod libraries;
mod programs;
mod site;
mod trouble;
