# SPDX-License-Identifier: GPL-2.0
# Runs in the Debian host, as root, after boot: the scenario's script, and a report to the lab.
export PATH=/mnt/lab/bin:$PATH
cd /root
. /mnt/lab/env
. /mnt/lab/lib.sh
. /mnt/lab/host-lib.sh
report booted </dev/null
sh -c ". /mnt/lab/lib.sh; . /mnt/lab/host-lib.sh; . /mnt/lab/$SCRIPT"
status=$?
dmesg | report dmesg
cat /proc/sys/kernel/tainted | report tainted
echo $status | report exit
systemctl poweroff --force
