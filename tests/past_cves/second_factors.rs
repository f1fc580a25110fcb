//! Holes of Dropbear 2026 where a second method is asked for.

use bulkhead_tests::{Server, needs_root};

use crate::{authorize, can_be_hostile, hostile, login_line};

/// 2026.92: with empty passwords allowed (`-B`), two methods (`-t`) came down to none.
#[test]
fn dropbear_2026_92_an_empty_password_does_not_replace_the_key() {
    if !can_be_hostile("dropbear_2026_92_an_empty_password_does_not_replace_the_key") {
        return;
    }
    let server = Server::as_root("AuthenticationMethods publickey,password\nPermitEmptyPasswords yes");
    server.account.change("passwd", &["--delete"]);
    let user = server.account.name.as_str();
    assert_eq!(hostile(&server, &["none", user]), "refused");
    assert_eq!(hostile(&server, &["exact-password", user, ""]), "refused");
    let output = server.ssh_answering(&[""], &["-oPubkeyAuthentication=no"], "echo in");
    assert!(!output.status.success(), "{output:?}");
    assert!(!server.log().contains("Accepted "));
}

/// 2026.90: the key's forced command was lost on the way to the second method.
#[test]
fn dropbear_2026_90_a_forced_command_outlives_the_second_method() {
    if !needs_root("dropbear_2026_90_a_forced_command_outlives_the_second_method") {
        return;
    }
    let server = Server::as_root("AuthenticationMethods publickey,password");
    server.account.set_password("the right one");
    authorize(&server, &login_line(&server, "command=\"echo forced\""));
    let output = server.ssh_answering(&["the right one"], &["-oPubkeyAuthentication=yes"], "echo free");
    assert_eq!(output.stdout, b"forced\n", "{output:?}");
}
