//! The program as a user starts it, on its own scripted model and on models that invent, overlook
//! and obey.

#[cfg(test)]
mod program;
#[cfg(test)]
mod report;
