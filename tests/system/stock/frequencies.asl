// SPDX-License-Identifier: MIT
// P-states for the two CPUs of QEMU's machine, which has none: the control registers are byte ports of -device
// isa-debugcon, each of which writes what it is given to a file. CPU 1 depends on CPU 0 (_PSD, software coordination).
DefinitionBlock ("", "SSDT", 2, "CORBEL", "PSTATES", 1)
{
    External (\_SB.CPUS.C000, ProcessorObj)
    External (\_SB.CPUS.C001, ProcessorObj)

    Scope (\_SB)
    {
        // MHz, mW, latencies in us, control, status
        Name (PSTS, Package ()
        {
            Package () { 3000, 60000, 10, 10, 0x41, 0x41 },
            Package () { 2000, 40000, 10, 10, 0x42, 0x42 },
            Package () { 1500, 30000, 10, 10, 0x43, 0x43 },
            Package () { 1000, 20000, 10, 10, 0x44, 0x44 }
        })
        Name (PDEP, Package () { Package () { 5, 0, 0, 0xFC, 2 } })
    }
    Scope (\_SB.CPUS.C000)
    {
        Name (_PCT, Package ()
        {
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x0505) },
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x0505) }
        })
        Method (_PSS) { Return (PSTS) }
        Method (_PSD) { Return (PDEP) }
        Method (_PPC) { Return (0) }
    }
    Scope (\_SB.CPUS.C001)
    {
        Name (_PCT, Package ()
        {
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x0506) },
            ResourceTemplate () { Register (SystemIO, 8, 0, 0x0506) }
        })
        Method (_PSS) { Return (PSTS) }
        Method (_PSD) { Return (PDEP) }
        Method (_PPC) { Return (0) }
    }
}
