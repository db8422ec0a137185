/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a library linkable until its first room is filled. */
typedef int weir_empty;
