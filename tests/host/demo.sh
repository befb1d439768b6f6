# Demo of the main use on a stock Debian host: `make demo-host`.
shown() {
	printf '\nhost# %s\n' "$*"
	"$@" 2>&1
}
for package in exitstat "exitstat-modules-$kernel"; do
	set -- "$@" "$(echo /mnt/debs/"${package}"_*.deb)"
done
shown uname -rv
shown apt-get install -qq -y "$@" | grep -v '^(Reading\|^Preparing\|^Unpacking\|^Selecting' || exit
shown exitstat enable || exit
printf '\nhost# virt-install --name l2 --memory 128 --cpu host-passthrough --import --boot kernel=... && virsh console l2\n'
domain >/dev/null || exit
console 'cpuid -1 -l 0x4FFFFFFF' 'cpuid -1 -l 0x4FFFFFFD -s 10' 'exitstat guest' | tr -d '\r' | sed -n '/^l2# ./,$p'
shown exitstat vms
shown exitstat
virsh destroy l2 >/dev/null
shown exitstat disable
