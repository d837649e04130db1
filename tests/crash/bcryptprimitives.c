// SPDX-License-Identifier: Apache-2.0
// What wine 8 lacks and Go since 1.22 cannot begin without. No randomness, for logs only.
__declspec(dllexport) int ProcessPrng(unsigned char *data, unsigned long long size)
{
	for (unsigned long long i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 37 + 11);
	return 1;
}
