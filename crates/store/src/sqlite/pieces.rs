//! Many rows in few statements.
//!
//! Each statement crosses to SQLite's thread and back, which costs more than the insert of a row.
//! So rows are written many at a time; but a statement of every length would have to be prepared
//! anew, so there are only a few lengths, and each stays prepared.

const LENGTHS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Cuts `all` into pieces of these lengths, the longest first.
pub(super) fn pieces<T>(mut all: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = LENGTHS.iter().find(|length| **length <= all.len())?;
        let (piece, rest) = all.split_at(*length);
        all = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_in_one_piece_and_lengths_are_few() {
        for count in [0, 1, 3, 64, 201] {
            let all: Vec<usize> = (0..count).collect();
            let cut: Vec<&[usize]> = pieces(&all).collect();
            assert_eq!(cut.concat(), all);
            assert!(cut.iter().all(|piece| LENGTHS.contains(&piece.len())), "{cut:?}");
        }
    }
}
