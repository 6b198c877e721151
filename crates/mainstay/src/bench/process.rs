//! What this process used: processor time and memory, as the kernel counts them.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Returns user and system time of all threads so far.
pub(super) fn cpu() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or(0))
}

/// Returns the memory that is resident now; 0 where the kernel does not say.
pub(super) fn rss_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| resident(&status))
}

fn resident(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(resident("Name:\tbench\nVmRSS:\t   12 kB\nThreads:\t3\n"), 12 * 1_024);
        assert_eq!(resident(""), 0);
    }

    #[test]
    fn processor_time_goes_on_with_work() {
        let before = cpu();
        let sum = (0..2_000_000_u64).fold(0, |sum: u64, n| sum.rotate_left(1) ^ n);
        assert!(cpu() > before, "{sum}");
    }
}
