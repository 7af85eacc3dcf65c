#include "postgres.h"
#include "ddl/ddl_special.h"
bool special_index(UtilityCall *call){ return utility_carry(call);}
bool special_vacuum(UtilityCall *call){ return false;}
