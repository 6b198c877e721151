//! A support desk for a small shop.
