//! Each test changes the identity of a forked child, never of the test process.
