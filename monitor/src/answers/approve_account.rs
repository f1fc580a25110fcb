//! PAM's word about an account, after somebody has proven to be its user and before they are let in.

use pam::Transaction;

use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::on_a_thread::do_bounded;
use crate::pam_login::{AccountPhase, Listening, PamLogin};
use crate::preauth_child::Bounds;

/// That nothing stands against the account. Only this file makes one, and nobody is let in without one.
pub(crate) struct Approval {
    must_change_password: bool,
}

impl Approval {
    /// The login is good for a new password and nothing else.
    pub(crate) fn must_change_password(&self) -> bool {
        self.must_change_password
    }
}

/// Asks PAM, whatever the method was (keys, too). Without PAM the gates in front of the account have said everything.
pub(crate) fn approve_account(
    connection: &mut Connection,
    bounds: Bounds<'_>,
    candidate: &Candidate,
    pam: Option<&mut PamLogin>,
) -> Result<Option<Approval>, Ending> {
    let Some(pam) = pam else { return Ok(Some(Approval { must_change_password: false })) };
    let phase = match pam.account() {
        Some(phase) => phase,
        None => ask(connection, bounds, candidate, pam)?,
    };
    pam.account_was_checked(phase);
    Ok((phase != AccountPhase::Denied)
        .then_some(Approval { must_change_password: phase == AccountPhase::MustChangePassword }))
}

fn ask(
    connection: &mut Connection,
    bounds: Bounds<'_>,
    candidate: &Candidate,
    pam: &mut PamLogin,
) -> Result<AccountPhase, Ending> {
    let Some(mut transaction) = pam.take(connection, candidate) else { return Ok(AccountPhase::Denied) };
    let work = move || -> (Transaction, AccountPhase, Listening) {
        let mut partner = Listening::default();
        let phase = AccountPhase::of(&transaction.check_account(&mut partner));
        (transaction, phase, partner)
    };
    let (transaction, phase, partner) = do_bounded(bounds, work)?;
    pam.give_back(transaction);
    pam.keep_messages(&partner.0.0);
    Ok(phase)
}
