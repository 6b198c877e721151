//! The shop on real databases, the sample letters against the shop, and the scripted model against
//! the letters.

#[cfg(test)]
mod conversation;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod shop;
