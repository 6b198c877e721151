//! Defects that were seen in other frameworks, each met as a user would meet it. None may happen
//! here. The letters are those of the list they were collected in.

mod approvals;
mod decisions;
mod effects;
mod graphs;
mod workers;
