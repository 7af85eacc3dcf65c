/*
 * exact_text.h
 *	  Rows for another node lose nothing in text form.
 */
#ifndef SHARDEXT_EXACT_TEXT_H
#define SHARDEXT_EXACT_TEXT_H

extern void exact_text_preload(void);

#endif
