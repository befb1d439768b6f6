# exitstat's leaves are not answered: on AMD, out-of-range leaves are zeros.
for leaf in 0x4ffffffc 0x4ffffffd 0x4ffffffe 0x4fffffff; do
	line=$(cpuid -1 -r -l $leaf -s 10 | grep "$leaf 0x")
	echo "$line"
	case $line in
	*"eax=0x00000000 ebx=0x00000000 ecx=0x00000000 edx=0x00000000"*) ;;
	*) exit 1 ;;
	esac
done
