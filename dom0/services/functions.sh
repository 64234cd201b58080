# SPDX-License-Identifier: MIT
# What dom0's service scripts share.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

# say TEXT...: one line on the console.
say()
{
    echo "corbel: $*"
}

# wait_for SECONDS COMMAND...: runs COMMAND every 50 ms until it succeeds; 1 when it never did.
wait_for()
{
    local tries=$(($1 * 20))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        usleep 50000
    done
}

# kernel_word NAME: prints the value of NAME=VALUE on the kernel's command line; 1 when absent.
kernel_word()
{
    local word
    # shellcheck disable=SC2013 # words are what is wanted
    for word in $(cat /proc/cmdline); do
        case $word in
            "$1"=*) echo "${word#*=}"; return 0 ;;
        esac
    done
    return 1
}

# is_control_domain: whether this kernel runs as dom0 of a Xen-compatible hypervisor.
is_control_domain()
{
    [ -r /proc/xen/capabilities ] && grep -q control_d /proc/xen/capabilities
}

# http_get ADDRESS PORT PATH: prints what a web server answers. By nc: busybox's own wget is linked
# statically and dies in the resolver.
http_get()
{
    printf 'GET %s HTTP/1.0\r\n\r\n' "$3" | nc -w 30 "$1" "$2" | sed '1,/^\r*$/d'
}
