//! seccomp: system calls that this program has no use for, and an intruder would have.

use std::collections::BTreeMap;

use libc::{c_long, *};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Calls = BTreeMap<i64, Vec<SeccompRule>>;

/// To run a program or look into another one, to change the machine, to get around this filter.
const REFUSED: &[c_long] = &[
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_kill,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_setns,
    SYS_unshare,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_personality,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_open_by_handle_at,
    SYS_memfd_create,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] =
    &[SYS_fork, SYS_vfork, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib, SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// To change files by their names.
const WRITING: &[c_long] = &[
    SYS_renameat2,
    SYS_unlinkat,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_linkat,
    SYS_symlinkat,
    SYS_truncate,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_utimensat,
];

#[cfg(target_arch = "x86_64")]
const WRITING_HERE: &[c_long] = &[
    SYS_creat,
    SYS_rename,
    SYS_renameat,
    SYS_unlink,
    SYS_rmdir,
    SYS_mkdir,
    SYS_mknod,
    SYS_link,
    SYS_symlink,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
];
#[cfg(target_arch = "aarch64")]
const WRITING_HERE: &[c_long] = &[SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const WRITING_HERE: &[c_long] = &[];

/// Flags with which a file is opened to be changed or made.
const FOR_WRITING: [c_int; 4] = [O_WRONLY, O_RDWR, O_CREAT, O_TRUNC];

/// Kinds of sockets that we have: what asks PHP-FPM, what is listened on, and sock_diag.
const SOCKETS: [c_int; 4] = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK];

/// For the thread that starts those that write.
pub(super) fn refuse_programs() -> Result<(), Error> {
    apply(refused()?, &[SYS_clone3])
}

/// For all others.
pub(super) fn refuse_programs_and_writing() -> Result<(), Error> {
    let mut calls = refused()?;
    calls.extend(WRITING.iter().chain(WRITING_HERE).map(|call| (*call, Vec::new())));
    calls.insert(SYS_openat, opening(2)?);
    #[cfg(target_arch = "x86_64")]
    calls.insert(SYS_open, opening(1)?);
    // Its flags are in memory, where a filter does not see them.
    apply(calls, &[SYS_clone3, SYS_openat2])
}

fn refused() -> Result<Calls, Error> {
    let mut calls: Calls = REFUSED.iter().chain(REFUSED_HERE).map(|call| (*call, Vec::new())).collect();
    let is_process = is(0, SeccompCmpOp::MaskedEq(CLONE_THREAD as u64), 0)?;
    calls.insert(SYS_clone, vec![SeccompRule::new(vec![is_process])?]);
    let others = SOCKETS.iter().map(|kind| is(0, SeccompCmpOp::Ne, *kind)).collect::<Result<_, _>>()?;
    calls.insert(SYS_socket, vec![SeccompRule::new(others)?]);
    Ok(calls)
}

fn opening(flags: u8) -> Result<Vec<SeccompRule>, Error> {
    let rule =
        |flag: &c_int| Ok(SeccompRule::new(vec![is(flags, SeccompCmpOp::MaskedEq(*flag as u64), *flag)?])?);
    FOR_WRITING.iter().map(rule).collect()
}

fn is(argument: u8, operator: SeccompCmpOp, value: c_int) -> Result<SeccompCondition, Error> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value as u64)?)
}

/// Refuses `calls` with EPERM. Those that are `unknown` are refused as by an older kernel, for which libraries have another way.
fn apply(mut calls: Calls, unknown: &[c_long]) -> Result<(), Error> {
    let mut unknown: Calls = unknown.iter().map(|call| (*call, Vec::new())).collect();
    // The same calls by the numbers of x32, which some kernels of x86-64 have.
    #[cfg(target_arch = "x86_64")]
    for calls in [&mut calls, &mut unknown] {
        const X32: i64 = 0x4000_0000;
        let again: Vec<_> = calls.iter().map(|(call, rules)| (X32 | call, rules.clone())).collect();
        calls.extend(again);
    }
    #[cfg(target_arch = "x86_64")]
    calls.extend((512..=547).map(|call| (0x4000_0000 | call, Vec::new())));
    for (calls, error) in [(unknown, ENOSYS), (calls, EPERM)] {
        let filter = SeccompFilter::new(
            calls,
            SeccompAction::Allow,
            SeccompAction::Errno(error as u32),
            std::env::consts::ARCH.try_into()?,
        )?;
        apply_filter(&BpfProgram::try_from(filter)?)?;
    }
    Ok(())
}
