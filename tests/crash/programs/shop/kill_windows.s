// SPDX-License-Identifier: Apache-2.0
// With a file like this a function may be without a body.
