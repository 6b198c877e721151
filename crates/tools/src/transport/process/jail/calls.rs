//! System calls that a command is refused.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::Order;

/// What leads around the other walls, into other processes, or into the kernel.
const NEVER: [i64; 41] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_acct,
];

/// On x86-64 each call has a second number, for programs with short pointers.
#[cfg(target_arch = "x86_64")]
const SECOND_NUMBER: i64 = 0x4000_0000;

/// Calls that only this processor has.
#[cfg(target_arch = "x86_64")]
const FORKS: [i64; 2] = [libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: [i64; 0] = [];

/// Returns whether a filter can be made for this processor and the kernel takes filters.
pub(super) fn are_known() -> bool {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    actions.is_ok_and(|actions| actions.contains("errno")) && target().is_ok()
}

/// Refuses calls from now on, in this process and whatever it becomes.
pub(super) fn refuse(order: &Order) -> Result<(), String> {
    let mut refused: BTreeMap<i64, Vec<SeccompRule>> =
        NEVER.into_iter().map(|call| (call, Vec::new())).collect();
    if !order.network {
        refused.insert(libc::SYS_socket, Vec::new());
    }
    if !order.forks {
        refused.extend(FORKS.map(|call| (call, Vec::new())));
        refused.insert(libc::SYS_clone, vec![other_process()?]);
        // Its flags lie in memory, where no filter sees them. Told that the kernel does not know the
        // call, libraries fall back to the one above.
        let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        apply(unknown, libc::ENOSYS)?;
    }
    apply(refused, libc::EPERM)
}

fn apply(calls: BTreeMap<i64, Vec<SeccompRule>>, error: i32) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("seccomp: {error}");
    #[cfg(target_arch = "x86_64")]
    let calls = {
        let second = calls.iter().map(|(call, rules)| (call | SECOND_NUMBER, rules.clone()));
        let second: Vec<_> = second.collect();
        calls.into_iter().chain(second).collect::<BTreeMap<_, _>>()
    };
    let error = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, error, target()?);
    let filter: Result<BpfProgram, _> = filter.map_err(|error| told(&error))?.try_into();
    apply_filter(&filter.map_err(|error| told(&error))?).map_err(|error| told(&error))
}

fn target() -> Result<TargetArch, String> {
    std::env::consts::ARCH.try_into().map_err(|error| format!("seccomp: {error}"))
}

/// Applies to a `clone` that makes a process and no thread of this one.
fn other_process() -> Result<SeccompRule, String> {
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let condition =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0);
    let condition = condition.map_err(|error| format!("seccomp: {error}"))?;
    SeccompRule::new(vec![condition]).map_err(|error| format!("seccomp: {error}"))
}
