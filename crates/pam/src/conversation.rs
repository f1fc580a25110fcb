//! What modules say to users, and what users answer.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

use zeroize::Zeroizing;

use crate::library::{MOST_MESSAGES, PamConv, PamMessage, PamResponse, code, style};

/// One thing that a module says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// It wants an answer.
    Prompt {
        /// The question.
        text: String,
        /// Whether what is typed may be seen.
        echo: bool,
    },
    /// It tells something.
    Info(String),
    /// It complains.
    Error(String),
}

/// Nobody answers any more: the module gets `PAM_CONV_ERR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationOver;

/// Whoever talks to the user.
pub trait Conversation {
    /// Takes the messages of one turn and returns an answer to each prompt among them, in their order.
    ///
    /// # Errors
    /// When the conversation has come to its end.
    fn take_turn(&mut self, messages: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver>;
}

/// Nobody is there: what modules tell is lost, and what they ask has no answer.
#[derive(Debug)]
pub struct Silent;

impl Conversation for Silent {
    fn take_turn(&mut self, messages: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver> {
        let asks = messages.iter().any(|message| matches!(message, Message::Prompt { .. }));
        if asks { Err(ConversationOver) } else { Ok(Vec::new()) }
    }
}

/// A conversation for the library: `partner` must outlive every call that may use it.
pub(crate) fn for_library(partner: &mut &mut dyn Conversation) -> PamConv {
    let data: *mut &mut dyn Conversation = partner;
    PamConv { conversation: converse, data: data.cast() }
}

/// The same without anybody.
pub(crate) fn with_nobody() -> PamConv {
    PamConv { conversation: converse, data: null_mut() }
}

/// `int (*conv)(int num_msg, const struct pam_message **msg, struct pam_response **resp, void *appdata_ptr)`
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const PamMessage,
    responses: *mut *mut PamResponse,
    data: *mut c_void,
) -> c_int {
    if data.is_null() || messages.is_null() || responses.is_null() || !(1..=MOST_MESSAGES).contains(&count) {
        return code::CONV_ERR;
    }
    let count = count.unsigned_abs() as usize;
    // SAFETY: the library passes on the address that `for_library` gave it, which the caller of the PAM function that
    // we are inside of keeps alive and does not use meanwhile.
    let partner = unsafe { &mut *data.cast::<&mut dyn Conversation>() };
    // SAFETY: Linux-PAM passes an array of `count` pointers to messages.
    let messages = unsafe { std::slice::from_raw_parts(messages, count) };
    let Some(messages) = messages.iter().map(|message| read(*message)).collect::<Option<Vec<_>>>() else {
        return code::CONV_ERR;
    };
    let is_prompt: Vec<bool> = messages.iter().map(|message| matches!(message, Message::Prompt { .. })).collect();
    let expected = is_prompt.iter().filter(|prompt| **prompt).count();
    match partner.take_turn(messages) {
        Ok(answers) if answers.len() == expected => match c_responses(&is_prompt, &answers) {
            Some(array) => {
                // SAFETY: the module gave the address of a pointer that it wants to be set.
                unsafe { responses.write(array) };
                code::SUCCESS
            }
            None => code::CONV_ERR,
        },
        _ => code::CONV_ERR,
    }
}

/// `None` for a style that is not known.
fn read(message: *const PamMessage) -> Option<Message> {
    if message.is_null() {
        return None;
    }
    // SAFETY: not null, and a message of the module that is talking to us.
    let PamMessage { style, text } = unsafe { message.read() };
    let text = if text.is_null() {
        String::new()
    } else {
        // SAFETY: the text of a message is a C string that lives as long as the message.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    };
    match style {
        style::PROMPT_ECHO_OFF => Some(Message::Prompt { text, echo: false }),
        style::PROMPT_ECHO_ON => Some(Message::Prompt { text, echo: true }),
        style::ERROR_MSG => Some(Message::Error(text)),
        style::TEXT_INFO => Some(Message::Info(text)),
        _ => None,
    }
}

/// An array with one response for each message, and its texts, from malloc(3): the module frees both. `None` when an
/// answer holds a NUL byte, or there is no memory.
fn c_responses(is_prompt: &[bool], answers: &[Zeroizing<Vec<u8>>]) -> Option<*mut PamResponse> {
    if answers.iter().any(|answer| answer.contains(&0)) {
        return None;
    }
    // SAFETY: asks for memory of the right size; all zeroes are valid responses (no text).
    let array: *mut PamResponse = unsafe { libc::calloc(is_prompt.len(), size_of::<PamResponse>()) }.cast();
    if array.is_null() {
        return None;
    }
    let mut answers = answers.iter();
    for (place, _) in is_prompt.iter().enumerate().filter(|(_, prompt)| **prompt) {
        let text = answers.next().map_or(null_mut(), |answer| c_string(answer));
        if text.is_null() {
            free_responses(array, is_prompt.len());
            return None;
        }
        // SAFETY: `place` is one of the places that were asked for above.
        unsafe { (*array.add(place)).text = text };
    }
    Some(array)
}

/// Null when there is no memory.
fn c_string(bytes: &[u8]) -> *mut c_char {
    // SAFETY: asks for one byte more than the text; zeroes, so that it ends in a NUL.
    let copy: *mut c_char = unsafe { libc::calloc(bytes.len() + 1, 1) }.cast();
    if !copy.is_null() {
        // SAFETY: both are as long as that, and new memory overlaps with nothing.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), copy, bytes.len()) };
    }
    copy
}

/// Takes back what no module has seen.
fn free_responses(array: *mut PamResponse, count: usize) {
    for place in 0..count {
        // SAFETY: an array of `count` responses made by `c_responses`; texts are null or C strings of `c_string`.
        unsafe {
            let text = (*array.add(place)).text;
            if !text.is_null() {
                libc::explicit_bzero(text.cast(), libc::strlen(text));
                libc::free(text.cast());
            }
        }
    }
    // SAFETY: made by calloc, and nobody else has the address.
    unsafe { libc::free(array.cast()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    /// Answers every prompt with its text in capitals.
    #[derive(Default)]
    struct Shouting {
        heard: Vec<Message>,
    }

    impl Conversation for Shouting {
        fn take_turn(&mut self, messages: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver> {
            self.heard.extend(messages.iter().cloned());
            let prompts = messages.into_iter().filter_map(|message| match message {
                Message::Prompt { text, .. } => Some(Zeroizing::new(text.to_uppercase().into_bytes())),
                _ => None,
            });
            Ok(prompts.collect())
        }
    }

    /// What a module sees: its return code and the answers.
    fn ask(partner: &mut dyn Conversation, said: &[(c_int, &str)]) -> (c_int, Vec<Option<String>>) {
        let texts: Vec<CString> = said.iter().map(|(_, text)| CString::new(*text).unwrap()).collect();
        // Each in memory of its own: read as an array of messages, all but the first would be something else.
        let messages: Vec<Box<PamMessage>> = said
            .iter()
            .zip(&texts)
            .map(|((style, _), text)| Box::new(PamMessage { style: *style, text: text.as_ptr() }))
            .collect();
        let mut pointers: Vec<*const PamMessage> = messages.iter().map(|message| &raw const **message).collect();
        let mut partner: &mut dyn Conversation = partner;
        let conversation = for_library(&mut partner);
        let mut responses = null_mut();
        let count = c_int::try_from(said.len()).unwrap();
        // SAFETY: as the library would call it; everything lives until the end of this function.
        let code =
            unsafe { (conversation.conversation)(count, pointers.as_mut_ptr(), &raw mut responses, conversation.data) };
        if code != code::SUCCESS {
            assert!(responses.is_null());
            return (code, Vec::new());
        }
        let answers = (0..said.len())
            .map(|place| {
                // SAFETY: a place of the array that was just made.
                let text = unsafe { (*responses.add(place)).text };
                // SAFETY: not null, so a C string of that array.
                (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
            })
            .collect();
        free_responses(responses, said.len());
        (code, answers)
    }

    #[test]
    fn each_message_of_a_turn_is_read_from_its_own_pointer() {
        let mut partner = Shouting::default();
        let (code, answers) = ask(&mut partner, &[(4, "hello"), (1, "password: "), (2, "colour? "), (3, "too late")]);
        assert_eq!(code, code::SUCCESS);
        assert_eq!(answers, [None, Some("PASSWORD: ".to_owned()), Some("COLOUR? ".to_owned()), None]);
        assert_eq!(
            partner.heard,
            [
                Message::Info("hello".to_owned()),
                Message::Prompt { text: "password: ".to_owned(), echo: false },
                Message::Prompt { text: "colour? ".to_owned(), echo: true },
                Message::Error("too late".to_owned()),
            ]
        );
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        assert_eq!(ask(&mut Silent, &[(1, "password: ")]).0, code::CONV_ERR);
        assert_eq!(ask(&mut Silent, &[(4, "hello")]).0, code::SUCCESS);
        assert_eq!(ask(&mut Shouting::default(), &[(7, "binary prompt")]).0, code::CONV_ERR);
        let crowd = vec![(1, "again"); 33];
        assert_eq!(ask(&mut Shouting::default(), &crowd).0, code::CONV_ERR);
        assert_eq!(ask(&mut Shouting::default(), &[]).0, code::CONV_ERR);
        let nobody = with_nobody();
        let mut responses = null_mut();
        // SAFETY: without a partner nothing is looked at.
        let code = unsafe { (nobody.conversation)(1, null_mut(), &raw mut responses, nobody.data) };
        assert_eq!(code, code::CONV_ERR);
    }

    /// Says too much, too little, or what no C string can hold.
    struct Says(Vec<&'static [u8]>);

    impl Conversation for Says {
        fn take_turn(&mut self, _: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver> {
            Ok(self.0.iter().map(|answer| Zeroizing::new(answer.to_vec())).collect())
        }
    }

    #[test]
    fn answers_that_do_not_fit_are_an_error() {
        for answers in [vec![], vec![&b"a"[..], b"b"], vec![&b"a\0b"[..]]] {
            assert_eq!(ask(&mut Says(answers.clone()), &[(1, "password: ")]).0, code::CONV_ERR, "{answers:?}");
        }
        assert_eq!(ask(&mut Says(vec![b""]), &[(1, "password: ")]), (0, vec![Some(String::new())]));
    }
}
