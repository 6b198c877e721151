//! The shop and the flows on real databases, the sample letters against the shop, and the scripted
//! model against the letters.

#[cfg(test)]
mod conversation;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod database;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod onboarding;
#[cfg(test)]
mod real_model;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod side;
#[cfg(test)]
mod stage;
