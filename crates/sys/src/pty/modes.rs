//! Encoded terminal modes, RFC 4254 section 8: one row per opcode.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{cc_t, speed_t, tcflag_t};
use nix::errno::Errno;

use Place::{Character, Control, Input, Local, Output};

/// `TTY_OP_ISPEED` and `TTY_OP_OSPEED`: bits per second.
const INPUT_SPEED: u8 = 128;
const OUTPUT_SPEED: u8 = 129;

/// What RFC 4254 sends for a special character that is switched off.
const SWITCHED_OFF: u32 = 255;

/// Where a mode lives in a termios.
#[derive(Clone, Copy)]
enum Place {
    Character(usize),
    Input(tcflag_t),
    Local(tcflag_t),
    Output(tcflag_t),
    Control(tcflag_t),
}

/// The opcodes that Linux has a meaning for. RFC 4254's VDSUSP (11), VFLUSH (15), VSTATUS (17) exist on BSD alone.
const OPCODES: &[(u8, Place)] = &[
    (1, Character(libc::VINTR)),
    (2, Character(libc::VQUIT)),
    (3, Character(libc::VERASE)),
    (4, Character(libc::VKILL)),
    (5, Character(libc::VEOF)),
    (6, Character(libc::VEOL)),
    (7, Character(libc::VEOL2)),
    (8, Character(libc::VSTART)),
    (9, Character(libc::VSTOP)),
    (10, Character(libc::VSUSP)),
    (12, Character(libc::VREPRINT)),
    (13, Character(libc::VWERASE)),
    (14, Character(libc::VLNEXT)),
    (16, Character(libc::VSWTC)),
    (18, Character(libc::VDISCARD)),
    (30, Input(libc::IGNPAR)),
    (31, Input(libc::PARMRK)),
    (32, Input(libc::INPCK)),
    (33, Input(libc::ISTRIP)),
    (34, Input(libc::INLCR)),
    (35, Input(libc::IGNCR)),
    (36, Input(libc::ICRNL)),
    (37, Input(libc::IUCLC)),
    (38, Input(libc::IXON)),
    (39, Input(libc::IXANY)),
    (40, Input(libc::IXOFF)),
    (41, Input(libc::IMAXBEL)),
    (42, Input(libc::IUTF8)), // RFC 8160
    (50, Local(libc::ISIG)),
    (51, Local(libc::ICANON)),
    (52, Local(libc::XCASE)),
    (53, Local(libc::ECHO)),
    (54, Local(libc::ECHOE)),
    (55, Local(libc::ECHOK)),
    (56, Local(libc::ECHONL)),
    (57, Local(libc::NOFLSH)),
    (58, Local(libc::TOSTOP)),
    (59, Local(libc::IEXTEN)),
    (60, Local(libc::ECHOCTL)),
    (61, Local(libc::ECHOKE)),
    (62, Local(libc::PENDIN)),
    (70, Output(libc::OPOST)),
    (71, Output(libc::OLCUC)),
    (72, Output(libc::ONLCR)),
    (73, Output(libc::OCRNL)),
    (74, Output(libc::ONOCR)),
    (75, Output(libc::ONLRET)),
    (90, Control(libc::CS7)),
    (91, Control(libc::CS8)),
    (92, Control(libc::PARENB)),
    (93, Control(libc::PARODD)),
];

/// Bits per second and termios's name for it.
const SPEEDS: &[(u32, speed_t)] = &[
    (0, libc::B0),
    (50, libc::B50),
    (75, libc::B75),
    (110, libc::B110),
    (134, libc::B134),
    (150, libc::B150),
    (200, libc::B200),
    (300, libc::B300),
    (600, libc::B600),
    (1200, libc::B1200),
    (1800, libc::B1800),
    (2400, libc::B2400),
    (4800, libc::B4800),
    (9600, libc::B9600),
    (19200, libc::B19200),
    (38400, libc::B38400),
    (57600, libc::B57600),
    (115_200, libc::B115200),
    (230_400, libc::B230400),
];

/// Applies encoded terminal modes (RFC 4254 section 8), opcode and argument each; works on either end. What this system does
/// not know is skipped; a speed that termios has no name for becomes 9600.
///
/// # Errors
/// As tcgetattr(3), tcsetattr(3).
pub fn apply_modes(terminal: BorrowedFd<'_>, modes: &[(u8, u32)]) -> io::Result<()> {
    let mut settings = read(terminal)?;
    for &(opcode, argument) in modes {
        match opcode {
            // SAFETY: both change fields of a termios that is alive.
            INPUT_SPEED => unsafe { libc::cfsetispeed(&mut settings, speed_named(argument)) },
            // SAFETY: as above.
            OUTPUT_SPEED => unsafe { libc::cfsetospeed(&mut settings, speed_named(argument)) },
            _ => {
                apply_one(&mut settings, opcode, argument);
                0
            }
        };
    }
    loop {
        // SAFETY: reads a termios that is alive.
        let code = unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &settings) };
        match Errno::result(code) {
            // EINVAL: all was set, says glibc, but for parity or a size other than 8 bits, which no pseudo-terminal has.
            Ok(_) | Err(Errno::EINVAL) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn apply_one(settings: &mut libc::termios, opcode: u8, argument: u32) {
    let Some(&(_, place)) = OPCODES.iter().find(|(known, _)| *known == opcode) else { return };
    let (flags, bit) = match place {
        Character(index) => {
            if let Some(character) = settings.c_cc.get_mut(index) {
                *character = character_of(argument);
            }
            return;
        }
        Input(bit) => (&mut settings.c_iflag, bit),
        Local(bit) => (&mut settings.c_lflag, bit),
        Output(bit) => (&mut settings.c_oflag, bit),
        Control(bit) => (&mut settings.c_cflag, bit),
    };
    if argument == 0 {
        *flags &= !bit;
    } else {
        *flags |= bit;
    }
}

fn character_of(argument: u32) -> cc_t {
    match u8::try_from(argument) {
        Ok(character) if argument != SWITCHED_OFF => character,
        _ => libc::_POSIX_VDISABLE,
    }
}

fn speed_named(bits_per_second: u32) -> speed_t {
    SPEEDS.iter().find(|(speed, _)| *speed == bits_per_second).map_or(libc::B9600, |&(_, name)| name)
}

/// The modes a terminal has, encoded as [`apply_modes`] takes them.
///
/// # Errors
/// As tcgetattr(3).
pub fn modes(terminal: BorrowedFd<'_>) -> io::Result<Vec<(u8, u32)>> {
    let settings = read(terminal)?;
    // SAFETY: both read fields of a termios that is alive.
    let (input, output) = unsafe { (libc::cfgetispeed(&settings), libc::cfgetospeed(&settings)) };
    let speeds = [(INPUT_SPEED, bits_per_second(input)), (OUTPUT_SPEED, bits_per_second(output))];
    Ok(speeds
        .into_iter()
        .chain(OPCODES.iter().map(|&(opcode, place)| (opcode, argument_of(&settings, place))))
        .collect())
}

fn argument_of(settings: &libc::termios, place: Place) -> u32 {
    match place {
        Character(index) => match settings.c_cc.get(index) {
            Some(&character) if character != libc::_POSIX_VDISABLE => character.into(),
            _ => SWITCHED_OFF,
        },
        Input(bit) => u32::from(settings.c_iflag & bit == bit),
        Local(bit) => u32::from(settings.c_lflag & bit == bit),
        Output(bit) => u32::from(settings.c_oflag & bit == bit),
        Control(bit) => u32::from(settings.c_cflag & bit == bit),
    }
}

fn bits_per_second(name: speed_t) -> u32 {
    SPEEDS.iter().find(|(_, known)| *known == name).map_or(9600, |&(speed, _)| speed)
}

fn read(terminal: BorrowedFd<'_>) -> io::Result<libc::termios> {
    // SAFETY: termios is plain C data; all zeroes is a valid value, and tcgetattr fills it in.
    unsafe {
        let mut settings: libc::termios = std::mem::zeroed();
        Errno::result(libc::tcgetattr(terminal.as_raw_fd(), &mut settings))?;
        Ok(settings)
    }
}
