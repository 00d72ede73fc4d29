//! The processor's time-stamp counter, where it can serve as a clock.
#![expect(unsafe_code, reason = "reading the counter is an intrinsic")]

/// Says whether the counter runs at one rate, on all cores, in all power states, and the system trusts it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_reliable() -> bool {
    const ADVANCED_POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    let highest = std::arch::x86_64::__cpuid(0x8000_0000).eax;
    highest >= ADVANCED_POWER && std::arch::x86_64::__cpuid(ADVANCED_POWER).edx & INVARIANT != 0 && system_trusts_it()
}

/// Says whether the counter can serve as a clock: never on this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const fn is_reliable() -> bool {
    false
}

/// Reads the counter.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn read() -> u64 {
    // SAFETY: `rdtsc` touches no memory and is part of every x86_64 processor.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Reads the counter: there is none, and [`is_reliable`] says so.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const fn read() -> u64 {
    0
}

/// Linux falls back to one of these clocks when it has found the counters of the cores to disagree.
#[cfg(target_arch = "x86_64")]
fn system_trusts_it() -> bool {
    const FALLBACKS: [&str; 4] = ["hpet", "acpi_pm", "jiffies", "refined-jiffies"];
    std::fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .map_or(true, |source| !FALLBACKS.contains(&source.trim()))
}
