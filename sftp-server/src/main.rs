//! `sftp-server`: SFTP on standard input and output. See sftp-server(8) of OpenSSH for its options.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sftp_server::run()
}
