/*
 * errors.c
 *	  The "reason why not" value and the error made from it.
 *
 * Owns no state. A Reason lives in the memory context current at reason_make.
 */
#include "postgres.h"

#include "base/errors.h"
#include "lib/stringinfo.h"

const Reason *
reason_make(const char *hint, const char *fmt,...)
{
	Reason	   *reason = palloc(sizeof(Reason));
	StringInfoData detail;

	initStringInfo(&detail);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&detail, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&detail, needed);
	}
	reason->detail = detail.data;
	reason->hint = hint ? pstrdup(hint) : NULL;
	return reason;
}

void
reason_raise(const Reason *reason, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_SX_NOT_SUPPORTED),
			 errmsg("%s", what),
			 reason && reason->detail ? errdetail("%s", reason->detail) : 0,
			 reason && reason->hint ? errhint("%s", reason->hint) : 0));
}
