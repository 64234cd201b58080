# SPDX-License-Identifier: MIT
# What the stock tools' test is written with: findings, asking the guest on its console, waiting.

failures=0
OUT=/tmp/out

# check WHAT COMMAND...: one finding. The test goes on after a failure, to tell them all.
check()
{
    local what=$1 start=$SECONDS
    shift
    if "$@"; then
        echo "ok $what ($((SECONDS - start)) s)"
    else
        failures=$((failures + 1))
        echo "FAILED $what: the last command said:"
        sed 's/^/    /' $OUT | tail -n 12
    fi
}

# run COMMAND...: its output, both streams, to $OUT; its status is this function's.
run()
{
    if [ "$(type -t "$1")" = function ]; then
        "$@" >$OUT 2>&1 </dev/null
    else
        timeout 60 "$@" >$OUT 2>&1 </dev/null
    fi
}

# says PATTERN COMMAND...: the command succeeds and its output has the pattern.
says()
{
    local pattern=$1
    shift
    run "$@" && grep -qE -e "$pattern" $OUT
}

# mentions PATTERN COMMAND...: the command says the pattern, whatever its status: Xen's tools often end with 0.
mentions()
{
    local pattern=$1
    shift
    run "$@"
    grep -qE -e "$pattern" $OUT
}

# within SECONDS COMMAND...: tries until it succeeds.
within()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

# answer NAME COMMAND...: prints what a command answers, for comparing two hypervisors.
answer()
{
    local name=$1 status
    shift
    run "$@"
    status=$?
    echo "answer $name: status $status: $(tr '\n' '|' <$OUT | cut -c1-160)"
}

console_log()
{
    echo "/var/log/xen/console/guest-$1.log"
}

# guest_says GUEST PATTERN: true when the guest's console has had it.
guest_says()
{
    tr -d '\r' 2>/dev/null <"$(console_log "$1")" | grep -qE -e "$2"
}

# ask GUEST WORD...: types a line at the guest's console; its answer, without `guest: `, to $OUT. 1 when none comes.
ask()
{
    local guest=$1 log tty before
    shift
    log=$(console_log "$guest")
    tty=$(xenstore-read "/local/domain/$(xl domid "$guest")/console/tty") || return 1
    before=$(grep -c "guest: " "$log")
    echo "$*" >"$tty"
    within 30 answered "$log" "$before" || return 1
    grep "guest: " "$log" | tail -n 1 | tr -d '\r' | sed 's/.*guest: //' >$OUT
}

answered()
{
    [ "$(grep -c "guest: " "$1")" -gt "$2" ]
}

# replies PATTERN GUEST WORD...: the guest's answer to the word has the pattern.
replies()
{
    local pattern=$1
    shift
    ask "$@" && grep -qE -e "$pattern" $OUT
}

# state GUEST PATTERN: the letters that xl list shows.
state()
{
    run xl list "$1" && awk -v want="$2" 'NR == 2 && $5 ~ want { found = 1 } END { exit !found }' $OUT
}

gone()
{
    ! run xl domid "$1"
}
