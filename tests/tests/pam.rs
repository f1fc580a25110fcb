//! UsePAM: passwords, dialogues, accounts and sessions by the system's modules.

use bulkhead_tests::{PamService, Server, needs_root};

const PASSWORD: &str = "correct horse battery";

/// Modules of an ordinary system.
const UNIX: &str = "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\n\
                    session required pam_unix.so\n";

/// A server with PAM whose account has [`PASSWORD`], and its service; none without root.
fn server(test: &str, stack: &str, configuration: &str) -> Option<(Server, PamService)> {
    if !needs_root(test) {
        return None;
    }
    let service = PamService::new(stack);
    let server = Server::as_root(&format!("UsePAM yes\nPAMServiceName {}\n{configuration}", service.name));
    server.account.set_password(PASSWORD);
    Some((server, service))
}

fn by_password(server: &Server, password: &str) -> std::process::Output {
    server.ssh_answering(&[password], &["-oPreferredAuthentications=password"], "echo in")
}

fn by_dialogue(server: &Server, answers: &[&str]) -> std::process::Output {
    server.ssh_answering(answers, &["-oPreferredAuthentications=keyboard-interactive"], "echo in")
}

#[test]
fn passwords_by_both_methods() {
    let Some((server, _service)) = server("passwords_by_both_methods", UNIX, "LogLevel DEBUG1") else { return };
    let name = server.account.name.clone();
    for log_in in [by_password as fn(&Server, &str) -> std::process::Output, |server: &Server, password: &str| {
        by_dialogue(server, &[password])
    }] {
        let right = log_in(&server, PASSWORD);
        assert_eq!(String::from_utf8_lossy(&right.stdout), "in\n", "{right:?}");
        let wrong = log_in(&server, "wrong");
        assert_eq!(wrong.status.code(), Some(255), "{wrong:?}");
    }
    server.wait_for_log(&format!("Accepted password for {name} from 127.0.0.1 port "));
    server.wait_for_log(&format!("Failed password for {name} from 127.0.0.1 port "));
    server.wait_for_log(&format!("Accepted keyboard-interactive/pam for {name} from 127.0.0.1 port "));
    server.wait_for_log(&format!("Failed keyboard-interactive/pam for {name} from 127.0.0.1 port "));
    server.wait_for_log(&format!("Postponed keyboard-interactive for {name} from 127.0.0.1 port "));
    server.wait_for_log(&format!("PAM: Authentication failure for {name} from 127.0.0.1"));
    assert!(!server.log().contains("horse"));
}
