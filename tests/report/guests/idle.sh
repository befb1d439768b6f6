sleep 1
echo '@mark idle'
sleep 10
echo '@mark end'
