# SPDX-License-Identifier: MIT
# Sourced by dom0's and the guests' scripts: workers that go on for ever, each with a counter in /tmp/soak.
#   repeat NAME COMMAND...   runs COMMAND again and again; each success counts, a failure is said
mkdir -p /tmp/soak

repeat()
{
    name=$1
    shift
    echo 0 >/tmp/soak/$name
    (
        n=0
        while :; do
            if "$@"; then
                n=$((n + 1))
                echo $n >/tmp/soak/$name.new
                mv /tmp/soak/$name.new /tmp/soak/$name
            else
                say "error in $name after $n rounds"
                sleep 1
            fi
        done
    ) &
}

# counts: NAME=N of all workers, in one line.
counts()
{
    for file in /tmp/soak/*; do
        case $file in
        *.new) ;;
        *) printf '%s=%s ' "$(basename "$file")" "$(cat "$file")" ;;
        esac
    done
}

# The same bytes have the same sum, whoever computes it and whatever else goes on.
work_cpu()
{
    [ "$(dd if=/bin/busybox bs=64k count=8 2>/dev/null | md5sum)" = "$cpu_sum" ]
}

# Processes and pages that come and go: forks, page tables, files in memory; $1 tells workers apart.
work_memory()
{
    dd if=/dev/zero of=/tmp/zeros.$1 bs=1M count=16 2>/dev/null &&
        for i in 1 2 3 4 5 6 7 8; do /bin/busybox true || return 1; done &&
        [ "$(tr -d '\0' </tmp/zeros.$1 | wc -c)" = 0 ] && rm /tmp/zeros.$1
}

cpu_sum=$(dd if=/bin/busybox bs=64k count=8 2>/dev/null | md5sum)
