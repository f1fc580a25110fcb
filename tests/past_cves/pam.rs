//! Where PAM decides.

use bulkhead_tests::{PamService, Server};

use crate::{can_be_hostile, hostile};

pub(crate) const PASSWORD: &str = "the right one";

/// Modules of an ordinary system, without the time that they let pass after a failure.
const UNIX: &str = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n";

/// A server with PAM, whose account has [`PASSWORD`]. The service has to be kept.
pub(crate) fn with_pam(test: &str, configuration: &str) -> Option<(Server, PamService)> {
    with_stack(test, UNIX, configuration)
}

fn with_stack(test: &str, stack: &str, configuration: &str) -> Option<(Server, PamService)> {
    if !can_be_hostile(test) {
        return None;
    }
    let service = PamService::new(stack);
    let server = Server::as_root(&format!(
        "UsePAM yes\nPAMServiceName {}\nKbdInteractiveAuthentication yes\n{configuration}",
        service.name
    ));
    server.account.set_password(PASSWORD);
    Some((server, service))
}

fn is_in(server: &Server, method: &str) -> bool {
    let method = format!("-oPreferredAuthentications={method}");
    server.ssh_answering(&[PASSWORD], &[&method], "echo in").stdout == b"in\n"
}

/// Without a terminal there was no PAM session, and no limit.
#[test]
fn cve_2001_1459_limits_hold_without_a_terminal() {
    let limits = bulkhead_tests::Scratch::new();
    let file = limits.file("limits", "* - nofile 321\n");
    let stack = format!("account required pam_permit.so\nsession required pam_limits.so conf={}\n", file.display());
    let test = "cve_2001_1459_limits_hold_without_a_terminal";
    let Some((server, _service)) = with_stack(test, &stack, "") else { return };
    assert_eq!(server.ssh_ok(&[], "ulimit -Hn"), "321\n");
    let terminal = server.ssh(&["-tt"], "ulimit -Hn");
    assert_eq!(terminal.stdout, b"321\r\n", "{terminal:?}");
}

/// What PAM answered was not looked at, or was looked at in the wrong place.
#[test]
fn cve_2003_0786_what_pam_refuses_is_refused() {
    let test = "cve_2003_0786_what_pam_refuses_is_refused";
    let rest = "session required pam_permit.so\n";
    for (modules, let_in) in [
        ("auth required pam_unix.so nodelay\naccount required pam_permit.so\n", true),
        ("auth required pam_unix.so nodelay\nauth required pam_deny.so\naccount required pam_permit.so\n", false),
        ("auth required pam_unix.so nodelay\naccount required pam_deny.so\n", false),
    ] {
        let Some((server, _service)) = with_stack(test, &format!("{modules}{rest}"), "") else { return };
        for method in ["password", "keyboard-interactive"] {
            assert_eq!(is_in(&server, method), let_in, "{method} by {modules}");
        }
    }
}

/// A one-time password was asked for only where there was somebody to give it.
#[test]
fn cve_2007_2768_dialogues_are_the_same_for_everybody() {
    let test = "cve_2007_2768_dialogues_are_the_same_for_everybody";
    let Some((server, _service)) = with_pam(test, "PermitRootLogin no\nDenyUsers daemon") else { return };
    let asked = |user: &str| {
        let options = ["-oPreferredAuthentications=keyboard-interactive", "-l", user];
        let output = server.ssh_answering(&["x"; 4], &options, "echo in");
        assert!(!output.status.success(), "{user}");
        server.prompts().replace(user, "USER")
    };
    let known = asked(&server.account.name);
    assert!(known.contains("assword"), "{known}");
    for user in ["nobody-of-that-name", "root", "daemon"] {
        assert_eq!(asked(user), known, "{user}");
    }
}

/// OpenSSH before 10.1: the beginning of a device's name was enough.
#[test]
fn openssh_10_1_a_device_is_named_whole() {
    let Some((server, _service)) = with_pam("openssh_10_1_a_device_is_named_whole", "") else { return };
    let answers = hostile(&server, &["devices", &server.account.name, "pam", "", "x,pam", "pa", "p", "pamx", "pam "]);
    assert_eq!(
        answers.lines().collect::<Vec<_>>(),
        ["asked", "asked", "asked", "refused", "refused", "refused", "refused"]
    );
}
