//! One login's dealings with PAM, from the first password to the end of the session.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};

use crate::conversation::{Conversation, Silent, for_library, with_nobody};
use crate::error::{PamError, Problem};
use crate::library::{Handle, Pam, WithFlags, code, flag, item};

/// A PAM handle. Modules keep what they found out inside it, so that one handle serves all phases of a login.
pub struct Transaction {
    pam: Pam,
    handle: NonNull<Handle>,
    user: String,
    last: c_int,
}

// SAFETY: libpam keeps all state of a handle inside the handle, so it may be used by one thread after another; a
// `Transaction` cannot be used by two at once, since everything that calls into the library takes it mutably.
unsafe impl Send for Transaction {}

impl Transaction {
    /// Begins with the stack of `/etc/pam.d/SERVICE`. `user` need not exist.
    ///
    /// # Errors
    /// What pam_start(3) says; also for names with a NUL byte.
    pub fn start(pam: Pam, service: &str, user: &str) -> Result<Self, PamError> {
        let (Ok(c_service), Ok(c_user)) = (CString::new(service), CString::new(user)) else {
            return Err(other("a name holds a NUL byte"));
        };
        let mut handle = null_mut();
        // SAFETY: both names end in a NUL, the conversation is copied by the library, `handle` is ours.
        let result = unsafe { (pam.start)(c_service.as_ptr(), c_user.as_ptr(), &with_nobody(), &mut handle) };
        match NonNull::new(handle).filter(|_| result == code::SUCCESS) {
            Some(handle) => Ok(Self { pam, handle, user: user.to_owned(), last: code::SUCCESS }),
            None => {
                let failure = failure(pam, handle, result);
                if !handle.is_null() {
                    // SAFETY: a handle of pam_start, which is not used again.
                    unsafe { (pam.end)(handle, result) };
                }
                Err(failure)
            }
        }
    }

    /// Where the user comes from (`PAM_RHOST`).
    ///
    /// # Errors
    /// What pam_set_item(3) says.
    pub fn set_remote_host(&mut self, host: &str) -> Result<(), PamError> {
        self.set_text(item::RHOST, host)
    }

    /// On which terminal (`PAM_TTY`).
    ///
    /// # Errors
    /// What pam_set_item(3) says.
    pub fn set_terminal(&mut self, name: &str) -> Result<(), PamError> {
        self.set_text(item::TTY, name)
    }

    fn set_text(&mut self, item: c_int, text: &str) -> Result<(), PamError> {
        let text = CString::new(text).map_err(|_| other("an item holds a NUL byte"))?;
        self.set(item, text.as_ptr().cast())
    }

    fn set(&mut self, item: c_int, value: *const c_void) -> Result<(), PamError> {
        // SAFETY: the handle lives; the library copies what `value` points to, which is of the item's type.
        let result = unsafe { (self.pam.set_item)(self.handle.as_ptr(), item, value) };
        self.judge(result)
    }

    /// Sets a variable of PAM's own environment, which modules see and which becomes part of the session's.
    ///
    /// # Errors
    /// What pam_putenv(3) says.
    pub fn put_variable(&mut self, name: &str, value: &str) -> Result<(), PamError> {
        let variable = CString::new(format!("{name}={value}")).map_err(|_| other("a variable holds a NUL byte"))?;
        // SAFETY: the handle lives; the library copies the string.
        let result = unsafe { (self.pam.putenv)(self.handle.as_ptr(), variable.as_ptr()) };
        self.judge(result)
    }

    /// PAM's environment: `NAME`, value. What is not UTF-8 is left out.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        // SAFETY: the handle lives.
        let list = unsafe { (self.pam.getenvlist)(self.handle.as_ptr()) };
        let mut variables = Vec::new();
        if list.is_null() {
            return variables;
        }
        let mut place = list;
        loop {
            // SAFETY: an array of C strings that ends in a null pointer, from malloc(3), now ours; we are inside of it.
            let text: *mut c_char = unsafe { *place };
            if text.is_null() {
                break;
            }
            // SAFETY: as above.
            let variable = unsafe { CStr::from_ptr(text) }.to_str().ok().and_then(|text| text.split_once('='));
            variables.extend(variable.map(|(name, value)| (name.to_owned(), value.to_owned())));
            // SAFETY: as above; the string is not used again, and this was not the array's end.
            unsafe {
                libc::free(text.cast());
                place = place.add(1);
            }
        }
        // SAFETY: as above.
        unsafe { libc::free(list.cast()) };
        variables
    }

    /// pam_authenticate(3). A module that means another user than the one who was named is refused: whoever proved to be
    /// one must not become the other.
    ///
    /// # Errors
    /// What the modules say.
    pub fn authenticate(&mut self, partner: &mut dyn Conversation, empty_passwords: bool) -> Result<(), PamError> {
        let flags = if empty_passwords { flag::NONE } else { flag::DISALLOW_NULL_AUTHTOK };
        self.call(self.pam.authenticate, flags, partner)?;
        if self.user_is_still_meant() {
            return Ok(());
        }
        Err(other("a module changed the user"))
    }

    fn user_is_still_meant(&self) -> bool {
        let mut name: *const c_void = std::ptr::null();
        // SAFETY: the handle lives, `name` is ours.
        let result = unsafe { (self.pam.get_item)(self.handle.as_ptr(), item::USER, &mut name) };
        if result != code::SUCCESS || name.is_null() {
            return false;
        }
        // SAFETY: PAM_USER is a C string inside the handle.
        unsafe { CStr::from_ptr(name.cast()) }.to_bytes() == self.user.as_bytes()
    }

    /// pam_acct_mgmt(3): whether the account may be used, now and from there.
    ///
    /// # Errors
    /// What the modules say; [`Problem::NewPasswordRequired`] is no refusal of the account.
    pub fn check_account(&mut self, partner: &mut dyn Conversation) -> Result<(), PamError> {
        self.call(self.pam.acct_mgmt, flag::NONE, partner)?;
        if self.user_is_still_meant() { Ok(()) } else { Err(other("a module changed the user")) }
    }

    /// pam_chauthtok(3) for a password that has expired.
    ///
    /// # Errors
    /// What the modules say.
    pub fn change_expired_password(&mut self, partner: &mut dyn Conversation) -> Result<(), PamError> {
        self.call(self.pam.chauthtok, flag::CHANGE_EXPIRED_AUTHTOK, partner)
    }

    /// pam_setcred(3): what belongs to the user beyond ids, tickets for one.
    ///
    /// # Errors
    /// What the modules say.
    pub fn establish_credentials(&mut self, partner: &mut dyn Conversation) -> Result<(), PamError> {
        self.call(self.pam.setcred, flag::ESTABLISH_CRED, partner)
    }

    /// Takes back what [`Self::establish_credentials`] gave.
    ///
    /// # Errors
    /// What the modules say.
    pub fn delete_credentials(&mut self) -> Result<(), PamError> {
        self.call(self.pam.setcred, flag::DELETE_CRED, &mut Silent)
    }

    /// pam_open_session(3). Modules change this process (limits, audit's login id, namespaces): what it starts from now
    /// on inherits that.
    ///
    /// # Errors
    /// What the modules say.
    pub fn open_session(&mut self, partner: &mut dyn Conversation) -> Result<(), PamError> {
        self.call(self.pam.open_session, flag::NONE, partner)
    }

    /// pam_close_session(3)
    ///
    /// # Errors
    /// What the modules say.
    pub fn close_session(&mut self) -> Result<(), PamError> {
        self.call(self.pam.close_session, flag::SILENT, &mut Silent)
    }

    fn call(&mut self, function: WithFlags, flags: c_int, partner: &mut dyn Conversation) -> Result<(), PamError> {
        let mut partner = partner;
        let conversation = for_library(&mut partner);
        self.set(item::CONV, (&raw const conversation).cast())?;
        // SAFETY: the handle lives, and so does the conversation until the call is over.
        let result = unsafe { function(self.handle.as_ptr(), flags) };
        // Nobody may call back later: the partner is gone then.
        let nobody = with_nobody();
        self.set(item::CONV, (&raw const nobody).cast())?;
        self.judge(result)
    }

    fn judge(&mut self, result: c_int) -> Result<(), PamError> {
        self.last = result;
        if result == code::SUCCESS { Ok(()) } else { Err(failure(self.pam, self.handle.as_ptr(), result)) }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle lives until here; modules clean up.
        unsafe { (self.pam.end)(self.handle.as_ptr(), self.last) };
    }
}

fn failure(pam: Pam, handle: *mut Handle, result: c_int) -> PamError {
    // SAFETY: Linux-PAM does not look at the handle; the text is a constant.
    let text = unsafe { (pam.strerror)(handle, result) };
    let text = if text.is_null() {
        format!("error {result}")
    } else {
        // SAFETY: not null, and as above.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    PamError { problem: Problem::of(result), text }
}

fn other(why: &str) -> PamError {
    PamError { problem: Problem::Other(code::SYSTEM_ERR), text: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    /// The service `other` of every PAM system.
    fn transaction() -> Option<Transaction> {
        let pam = Pam::load().ok()?;
        Transaction::start(pam, "bulkhead-unit-test-without-a-file", "nobody").ok()
    }

    #[test]
    fn variables_come_back() {
        let Some(mut transaction) = transaction() else { return };
        transaction.put_variable("COLOUR", "red=warm").unwrap();
        transaction.put_variable("EMPTY", "").unwrap();
        let environment = transaction.environment();
        assert!(environment.contains(&("COLOUR".to_owned(), "red=warm".to_owned())), "{environment:?}");
        assert!(environment.contains(&("EMPTY".to_owned(), String::new())));
        assert!(transaction.put_variable("A", "b\0c").is_err());
    }

    #[test]
    fn a_junk_password_is_refused_and_the_text_is_pam_s_own() {
        let Some(mut transaction) = transaction() else { return };
        transaction.set_remote_host("192.0.2.7").unwrap();
        transaction.set_terminal("ssh").unwrap();
        struct Junk;
        impl Conversation for Junk {
            fn take_turn(
                &mut self,
                messages: Vec<Message>,
            ) -> Result<Vec<zeroize::Zeroizing<Vec<u8>>>, crate::ConversationOver> {
                let prompts = messages.iter().filter(|message| matches!(message, Message::Prompt { .. }));
                Ok(prompts.map(|_| zeroize::Zeroizing::new(b"junk".to_vec())).collect())
            }
        }
        let refusal = transaction.authenticate(&mut Junk, false).unwrap_err();
        assert!(!refusal.text.is_empty());
        assert_ne!(refusal.problem, Problem::NewPasswordRequired);
    }
}
