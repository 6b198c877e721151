//! The shop on real databases, and the sample letters against the shop.

#[cfg(test)]
mod samples;
#[cfg(test)]
mod shop;
