# Prints 2000 lines.
sleep 1
echo '@mark work'
sleep 1
seq 1 2000
sleep 1
echo '@mark end'
